"""`seg pseudo-label`: an ensemble labels images that nobody has labelled."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seg.commands.options.shared import Overwrite, SpecPath, print_table
from seg.terminal.notices import suggest_next

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seg.engine.jobs.pseudo_labels import PseudoLabelCounts
    from seg.labels.classes import ClassInfo


def pseudo_label_command(
    path: SpecPath,
    images: Annotated[
        Path, typer.Option(metavar="WHERE", help="A folder, a pattern, or a list (.txt, .csv).")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the label maps go.")
    ] = Path("pseudo"),
    confidence: Annotated[
        float, typer.Option(min=0, max=1, help="The probability from which a pixel gets a label.")
    ] = 0.9,
    overwrite: Overwrite = False,
) -> None:
    """Write label maps of images from the ensemble's probabilities, where it is sure, to train on.

    The probabilities are kept: another --confidence runs no network.
    """
    from seg.data import open_split
    from seg.data.files_read import files_read_by_spec
    from seg.data.splits.list_samples import list_samples
    from seg.data.splits.pseudo_labels import MASK_SUFFIX, PseudoRecord
    from seg.engine.jobs.fingerprint import ensemble_fingerprint
    from seg.engine.jobs.pseudo_labels import write_pseudo_labels
    from seg.engine.jobs.soft_labels import make_soft_labels
    from seg.engine.merging.decision import Decision
    from seg.engine.resolved import resolve_ensemble
    from seg.files.file_names import check_file_names
    from seg.files.outputs import Output, output_folder
    from seg.labels.soft_labels import SoftLabels
    from seg.spec import load_ensemble
    from seg.spec.ensemble.decision import rules_of_classes

    spec = load_ensemble(path)
    classes, task = open_split(spec.data, "train").classes, spec.data.task
    samples = list_samples(images.absolute())
    check_file_names((sample.id for sample in samples), MASK_SUFFIX)
    # Labels that were guessed before, and learnt from, are made again here.
    before = [spec.data.pseudo.masks] if spec.data.pseudo else []
    named = [file for file in files_read_by_spec(spec) if file not in before]
    reads = (path, images, *named, *(sample.image for sample in samples))
    target = Output(output, reads, overwrite, is_folder=True)
    target.check()
    teacher = ensemble_fingerprint(resolve_ensemble(spec))
    soft_labels = SoftLabels.of_teacher(spec.runs, teacher)
    make_soft_labels(spec, samples, soft_labels)
    names = tuple(c.name for c in classes)
    record = PseudoRecord(classes=names, confidence=confidence, teacher=teacher, task=task)
    rules = rules_of_classes(spec.decision, classes)
    decision = Decision(factors=spec.factors_of(classes), task=task, rules=rules)
    with target.writing() as final, output_folder(final) as folder:
        guessed = write_pseudo_labels(samples, soft_labels, classes, folder, record, decision)
    _print_pseudo_label_counts(len(samples), classes, guessed)
    suggest_next(f"train on them, with this in the dataset: pseudo: {{images: {images}, masks: {output}}}")


def _print_pseudo_label_counts(
    images: int, classes: "Sequence[ClassInfo]", guessed: "PseudoLabelCounts"
) -> None:
    rows = [
        (c.name, str(decided), f"{sure / decided:.1%}" if decided else "-")
        for c, decided, sure in zip(
            classes, guessed.decided_c.tolist(), guessed.confident_c.tolist(), strict=True
        )
    ]
    rows.append(("all", str(guessed.pixels), f"{guessed.confident / guessed.pixels:.1%}"))
    print_table(f"{images} images", ("", "pixels", "kept"), rows)
