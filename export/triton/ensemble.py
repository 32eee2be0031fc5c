"""Each member as a model of its own, one that merges them, and the ensemble that connects all.

So each member can have its own instances on its own GPU.
"""

from dataclasses import replace
from pathlib import Path

import onnx

from seg.errors import SpecError, VerificationError
from seg.export.batches import ImagesNHWC
from seg.export.fuse.card import FusionCheck
from seg.export.fuse.check import Model, Outputs, open_model, open_session
from seg.export.fuse.compose import answer_of, compose_merge
from seg.export.fuse.fuse import FusionRequest, check_parts, ending_of, fuse_ensemble
from seg.export.fuse.output_names import FusedOutput
from seg.export.fuse.parts import Part, read_parts
from seg.export.fuse.reference import reference_of
from seg.export.triton.config import Step, config_of, ensemble_config
from seg.export.triton.job import Job
from seg.export.triton.repository import MODEL_FILE, Draft
from seg.model_file import INPUT, OUTPUT


def add_apart(draft: Draft, job: Job) -> FusionCheck:
    """Add all models of the ensemble: `NAME-MEMBER` of each member, `NAME_merge`, and `NAME`.

    Raises:
        SpecError: votes are counted a pass, not a member; or as for fusing.
        ModelError, VerificationError: as for fusing.
        OutputError: what bears one of their names in the repository is no model.
    """
    if job.spec.merge == "vote":
        raise SpecError(
            "merge: vote counts every view's vote, which members apart do not tell: use --format triton"
        )
    files = {member.name: _add_member(draft, job, member.name) for member in job.spec.running}
    parts = [_as_one(part) for part in read_parts(job.spec)]
    merge = _add_merge(draft, job, parts)
    try:
        verification = check_parts(
            _chain(files, merge, job.request), parts, job.images, reference_of(job.spec)
        )
    except VerificationError as error:
        raise VerificationError(f"{merge}: {error}") from error
    _connect(draft, job, files, merge)
    return verification


def _add_member(draft: Draft, job: Job, member: str) -> Path:
    """A member with its views, which gives probabilities."""
    alone = job.spec.model_copy(update={"members": (job.spec.member(member),)})
    request = FusionRequest(_model_of(job, member), (FusedOutput.probabilities,))
    version = draft.new_version(request.name)
    fuse_ensemble(alone, request, version / MODEL_FILE, job.images)
    draft.configure(version, config_of(request.name, _graph(version / MODEL_FILE), job.serving))
    return version / MODEL_FILE


def _add_merge(draft: Draft, job: Job, parts: list[Part]) -> Path:
    name = _merge_of(job)
    version = draft.new_version(name)
    onnx.save(compose_merge(parts, ending_of(job.spec, job.request, parts)), version / MODEL_FILE)
    draft.configure(version, config_of(name, _graph(version / MODEL_FILE), job.serving))
    return version / MODEL_FILE


def _connect(draft: Draft, job: Job, files: dict[str, Path], merge: Path) -> None:
    """An ensemble has no file, but Triton wants a version of it, too."""
    steps = [
        Step(_model_of(job, member), takes={INPUT: INPUT}, gives={OUTPUT: answer_of(member)})
        for member in files
    ]
    gives = {str(give): str(give) for give in job.request.gives}
    steps.append(
        Step(_merge_of(job), takes={answer: answer for answer in map(answer_of, files)}, gives=gives)
    )
    ends = _graph(next(iter(files.values()))).graph.input, _graph(merge).graph.output
    draft.configure(
        draft.new_version(job.request.name), ensemble_config(job.request.name, job.serving, *ends, steps)
    )


def _chain(files: dict[str, Path], merge: Path, request: FusionRequest) -> Model:
    """What the ensemble does, step by step."""
    members = {member: open_model(file) for member, file in files.items()}
    session = open_session(merge)

    def run(batch_nhwc: ImagesNHWC) -> Outputs:
        answers = {answer_of(member): model(batch_nhwc)[OUTPUT] for member, model in members.items()}
        return dict(zip(request.gives, session.run(list(request.gives), answers), strict=True))

    return run


def _as_one(part: Part) -> Part:
    """A member whose views are merged already."""
    views = len(part.views)
    shares = tuple(share * views for share in part.class_shares)
    return replace(part, share=part.share * views, class_shares=shares, views=("identity",))


def _model_of(job: Job, member: str) -> str:
    return f"{job.request.name}-{member}"


def _merge_of(job: Job) -> str:
    return f"{job.request.name}_merge"


def _graph(model: Path) -> onnx.ModelProto:
    return onnx.load(model, load_external_data=False)
