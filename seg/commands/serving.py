"""`seg export --format triton`: a model repository with the whole ensemble in it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seg.commands.fuse import fuse_verified, images_to_verify_on, report
from seg.export.fuse.give import Give

if TYPE_CHECKING:
    from seg.spec import EnsembleSpec


def serve(path: Path, spec: "EnsembleSpec", gives: Sequence[Give], output: Path | None) -> None:
    """Add the fused model, under the spec's name, to the repository `output`, by default one in its runs."""
    from seg.export.serving.config import Serving
    from seg.export.serving.repository import add_model

    plan = spec.export.plan
    size_hw = plan.sizes[len(plan.sizes) // 2] if plan.sizes else images_to_verify_on(spec)[0].shape[:2]
    model, card = add_model(
        output or spec.runs / "model_repository",
        path.stem,
        lambda file: fuse_verified(path.stem, spec, gives, file),
        Serving(batch=plan.batch, size_hw=size_hw),
    )
    report(model, spec, card)
    typer.echo(f"{model.parents[2]}: serve it with tritonserver --model-repository")
