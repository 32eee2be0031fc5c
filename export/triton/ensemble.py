"""A Triton ensemble: one model per member, one for the merge, and the ensemble that connects them.

Each member can so have its own instances on its own GPU.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx

from seg.errors import SpecError, VerificationError
from seg.export.fuse.card import FusionCheck
from seg.export.fuse.check import Model, Outputs, open_fused_model, open_onnx_session
from seg.export.fuse.compose import compose_merge_graph, merged_output_name_of
from seg.export.fuse.fuse import FusionRequest, check_fusion_against_engine, fuse_ensemble, fusion_settings_of
from seg.export.fuse.member_graphs import MemberGraph, read_member_graphs
from seg.export.fuse.output_names import FusedOutput
from seg.export.fuse.reference import reference_of
from seg.export.onnx_file.verification_batches import ImagesNHWC
from seg.export.triton.config import TritonEnsembleStep, triton_ensemble_config, triton_model_config
from seg.export.triton.job import TritonJob
from seg.export.triton.repository import MODEL_FILE, RepositoryUpdate
from seg.models.model_file import INPUT, OUTPUT
from seg.spec.ensemble.compatibility import refuse_exclusions


def add_triton_member_models(update: RepositoryUpdate, job: TritonJob) -> FusionCheck:
    """Add all models of the ensemble: `NAME-MEMBER` of each member, `NAME_merge`, and `NAME`.

    Raises:
        SpecError: the merge is `vote`, which counts passes, not members; or as for fusing.
        ModelError, VerificationError: as for fusing.
        OutputError: something with one of their names in the repository is not a model.
    """
    refuse_exclusions(job.spec, "--format triton-ensemble")
    files = {member.name: _add_triton_member(update, job, member.name) for member in job.spec.running}
    members = [_with_merged_views(member) for member in read_member_graphs(job.spec)]
    _refuse_different_images(members)
    merge = _add_triton_merge(update, job, members)
    try:
        verification = check_fusion_against_engine(
            _run_triton_steps(files, merge, job.request), members, job.images, reference_of(job.spec)
        )
    except VerificationError as error:
        raise VerificationError(f"{merge}: {error}") from error
    _connect_triton_models(update, job, files, merge)
    return verification


def _refuse_different_images(members: Sequence[MemberGraph]) -> None:
    """Raise SpecError if members take different images: a Triton ensemble hands all of them the same."""
    types = {member.card.input.image_type.pixels + str(member.card.input.bands): member for member in members}
    if len(types) > 1:
        first, second = list(types.values())[:2]
        raise SpecError(
            f"--format triton-ensemble: {first.name} takes {first.card.input.image_type} and {second.name}"
            f" {second.card.input.image_type}: --format triton makes one model that takes both"
        )


def _add_triton_member(update: RepositoryUpdate, job: TritonJob, member: str) -> Path:
    """Add a model of one member with its views, which returns probabilities."""
    alone = job.spec.model_copy(update={"members": (job.spec.member(member),), "stacking": None})
    request = FusionRequest(_triton_name_of_member(job, member), (FusedOutput.probabilities,))
    version = update.new_version(request.name)
    fuse_ensemble(alone, request, version / MODEL_FILE, job.images)
    update.configure(
        version, triton_model_config(request.name, _load_triton_graph(version / MODEL_FILE), job.serving)
    )
    return version / MODEL_FILE


def _add_triton_merge(update: RepositoryUpdate, job: TritonJob, members: list[MemberGraph]) -> Path:
    name = _triton_name_of_merge(job)
    version = update.new_version(name)
    onnx.save(
        compose_merge_graph(members, fusion_settings_of(job.spec, job.request, members)), version / MODEL_FILE
    )
    update.configure(
        version, triton_model_config(name, _load_triton_graph(version / MODEL_FILE), job.serving)
    )
    return version / MODEL_FILE


def _connect_triton_models(
    update: RepositoryUpdate, job: TritonJob, files: dict[str, Path], merge: Path
) -> None:
    """Add the ensemble, which has no model file but needs a version folder."""
    steps = [
        TritonEnsembleStep(
            _triton_name_of_member(job, member),
            takes={INPUT: INPUT},
            gives={OUTPUT: merged_output_name_of(member)},
        )
        for member in files
    ]
    gives = {str(give): str(give) for give in job.request.gives}
    steps.append(
        TritonEnsembleStep(
            _triton_name_of_merge(job),
            takes={answer: answer for answer in map(merged_output_name_of, files)},
            gives=gives,
        )
    )
    ends = _load_triton_graph(next(iter(files.values()))).graph.input, _load_triton_graph(merge).graph.output
    update.configure(
        update.new_version(job.request.name),
        triton_ensemble_config(job.request.name, job.serving, *ends, steps),
    )


def _run_triton_steps(files: dict[str, Path], merge: Path, request: FusionRequest) -> Model:
    """Run the steps of the ensemble with ONNX Runtime, as Triton would, for verification."""
    members = {member: open_fused_model(file) for member, file in files.items()}
    session = open_onnx_session(merge)

    def run(batch_nhwc: ImagesNHWC) -> Outputs:
        answers = {
            merged_output_name_of(member): model(batch_nhwc)[OUTPUT] for member, model in members.items()
        }
        return dict(zip(request.gives, session.run(list(request.gives), answers), strict=True))

    return run


def _with_merged_views(member: MemberGraph) -> MemberGraph:
    """A member whose views are merged already: one view with their total share."""
    views = len(member.views)
    shares = tuple(share * views for share in member.class_shares)
    return replace(member, share=member.share * views, class_shares=shares, views=("identity",))


def _triton_name_of_member(job: TritonJob, member: str) -> str:
    return f"{job.request.name}-{member}"


def _triton_name_of_merge(job: TritonJob) -> str:
    return f"{job.request.name}_merge"


def _load_triton_graph(model: Path) -> onnx.ModelProto:
    return onnx.load(model, load_external_data=False)
