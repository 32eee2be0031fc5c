"""`seg export --format triton`: a model repository with the whole ensemble in it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seg.commands.ensemble.source import EnsembleSource
from seg.commands.export.fuse import print_fused_model, print_fusion_check
from seg.export.fuse.output_names import FusedOutput
from seg.terminal.notices import suggest_next

if TYPE_CHECKING:
    from seg.export.triton.job import TritonJob


def export_fused_to_triton(
    source: EnsembleSource, outputs: Sequence[FusedOutput], output: Path | None, overwrite: bool
) -> None:
    """Add the fused model, under its name, to the repository `output`, by default one in its runs."""
    from seg.export.triton.fused import add_fused_triton_model
    from seg.export.triton.repository import update_triton_repository

    repository = output or source.spec.runs / "model_repository"
    with update_triton_repository(repository, overwrite=overwrite) as update:
        model, card = add_fused_triton_model(update, _triton_job(source, outputs))
    print_fused_model(model, source.spec, card)
    suggest_next(f"tritonserver --model-repository {repository}")


def export_members_to_triton(
    source: EnsembleSource, outputs: Sequence[FusedOutput], output: Path | None, overwrite: bool
) -> None:
    """Add a model for each member, one for the merge, and the ensemble that connects them."""
    from seg.export.triton.ensemble import add_triton_member_models
    from seg.export.triton.repository import update_triton_repository

    repository = output or source.spec.runs / "model_repository"
    with update_triton_repository(repository, overwrite=overwrite) as update:
        verification = add_triton_member_models(update, _triton_job(source, outputs))
    print_fusion_check(repository / source.name, source.spec, verification)
    suggest_next(f"tritonserver --model-repository {repository}")


def _triton_job(source: EnsembleSource, outputs: Sequence[FusedOutput]) -> "TritonJob":
    from seg.export.fuse.fuse import FusionRequest
    from seg.export.onnx_file.verification_images import images_to_verify_on
    from seg.export.triton.config import TritonServing
    from seg.export.triton.job import TritonJob

    images, plan = images_to_verify_on(source.spec), source.spec.export.plan
    height, width = plan.sizes[len(plan.sizes) // 2] if plan.sizes else images[0].shape[:2]
    request = FusionRequest.of(source.name, outputs)
    return TritonJob(source.spec, request, TritonServing(plan.batch, (height, width)), images)
