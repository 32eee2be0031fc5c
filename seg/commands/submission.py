"""`seg vote`, `seg submission convert` and `seg submission check`: submissions as files, without models."""

from pathlib import Path
from typing import Annotated

import typer

from seg.commands.next_command import suggest_submission_check
from seg.commands.options.shared import Overwrite, SpecPath, print_table
from seg.commands.options.sizes import parse_bytes
from seg.terminal.notices import suggest_next

EXIT_FINDINGS = 2

Submission = Annotated[
    Path, typer.Argument(metavar="SUBMISSION", help="A submission in the format of the spec's output.")
]


def vote_command(
    path: SpecPath,
    submissions: Annotated[
        list[Path], typer.Argument(metavar="SUBMISSION...", help="Two or more, in any order.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The submission to write.")] = Path(
        "voted.csv"
    ),
    weights: Annotated[
        str | None, typer.Option("--weights", help="One for each, such as 3,2,1; default: all equal.")
    ] = None,
    ties: Annotated[
        str,
        typer.Option(
            "--ties",
            help="Which class wins a tie: best, that of the submission with the most weight; or lowest, the"
            " first in the class list.",
        ),
    ] = "best",
    overwrite: Overwrite = False,
) -> None:
    """Majority vote over submissions, pixel by pixel and without models; prints how much they agree.

    SPEC gives the classes and the format of submissions; its members are not used.
    """
    from seg.engine.submissions import SubmissionForSpec
    from seg.engine.submissions.output import submission_output
    from seg.evaluate.vote import parse_vote_ties, parse_vote_weights, vote_submissions
    from seg.spec import load_ensemble

    known = SubmissionForSpec(load_ensemble(path))
    target = submission_output(known.spec, output, reads=(path, *submissions), overwrite=overwrite)
    with target.writing() as final:
        result = vote_submissions(
            known.form(),
            submissions,
            final,
            weights=parse_vote_weights(weights, len(submissions)),
            classes=len(known.classes),
            size_of=known.size_of,
            ties=parse_vote_ties(ties),
            task=known.spec.data.task,
        )
    names = [file.name for file in submissions]
    rows = [
        (name, *(f"{share:.1%}" for share in row)) for name, row in zip(names, result.agreement, strict=True)
    ]
    print_table("pixels on which submissions agree", ("", *names), rows)
    typer.echo(f"{output}: {result.images} images")
    suggest_submission_check(path, output)


def submission_convert_command(
    path: SpecPath,
    submission: Submission,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="kaggle, kaggle-per-image, pixels, coco, coco-panoptic, png, class-png, npz, geotiff or"
            " geojson.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file or folder to write.")],
    source: Annotated[
        str | None, typer.Option("--from", help="The format of SUBMISSION; default: that of the spec.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a submission in another format, such as label maps as the contest's CSV."""
    from functools import partial

    from seg.engine.submissions import SubmissionForSpec
    from seg.engine.submissions.formats import parse_submission_format
    from seg.engine.submissions.output import submission_output
    from seg.spec import load_ensemble

    known, name = SubmissionForSpec(load_ensemble(path)), parse_submission_format(to)
    form = parse_submission_format(source) if source else None
    target = submission_output(known.spec, output, name=name, reads=(path, submission), overwrite=overwrite)
    with target.writing() as final:
        images = known.form(form).read(submission, partial(known.size_of, name=form))
        known.form(name).write(final, known.in_order(images, submission))
    typer.echo(f"{output}: written")
    suggest_submission_check(path if name == known.spec.output.format else None, output)


def submission_check_command(
    path: SpecPath,
    submission: Submission,
    sample: Annotated[
        Path | None, typer.Option("--sample", help="The contest's sample submission: ids and their order.")
    ] = None,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Compare masks with the edges of the images.")
    ] = True,
    limit: Annotated[
        str | None,
        typer.Option("--limit", metavar="SIZE", help="The most that the contest takes, such as 100MB."),
    ] = None,
    fix: Annotated[
        Path | None,
        typer.Option("--fix", metavar="FILE", help="Write a corrected copy, as far as that is safe."),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Find mistakes that a leaderboard would punish: each with its row and fix."""
    from seg.engine.submissions.output import submission_output
    from seg.errors import DataError
    from seg.evaluate.validator import check_submission, list_findings, repair_submission
    from seg.spec import load_ensemble
    from seg.terminal.words import pluralise

    spec = load_ensemble(path)
    reads = (path, submission, *([sample] if sample else []))
    target = fix and submission_output(spec, fix, reads=reads, overwrite=overwrite)
    if target:
        target.check()
    findings = check_submission(
        spec,
        submission,
        sample or spec.output.sample,
        look_at_images=images,
        max_bytes=None if limit is None else parse_bytes("--limit", limit),
    )
    for line in list_findings(findings):
        typer.echo(f"{submission}: {line}")
    fixable = sum(finding.is_fixable for finding in findings)
    refusal = ""
    if target or fixable:
        try:
            repaired = repair_submission(spec, submission, sample or spec.output.sample)
        except DataError as error:
            if target:
                raise
            refusal = str(error)
    if target:
        with target.writing() as final:
            repaired.write(final)
        typer.echo(f"{fix}: {pluralise(repaired.changed, 'row')} mended")
    if findings:
        found = f"{submission}: {pluralise(len(findings), 'finding')}"
        typer.echo(
            f"{found}, and --fix cannot mend the file: {refusal}"
            if refusal
            else f"{found}, of which --fix mends {fixable}"
        )
        if fix:
            suggest_submission_check(path, fix)
        elif fixable and not refusal:
            suggest_next(f"seg submission check {path} {submission} --fix FILE")
        raise typer.Exit(EXIT_FINDINGS)
    typer.echo(f"{submission}: nothing found")
    suggest_next(f"upload {submission}")


app = typer.Typer(
    no_args_is_help=True, help="Submissions as files: check them, write them in another format."
)
app.command("check")(submission_check_command)
app.command("convert")(submission_convert_command)
