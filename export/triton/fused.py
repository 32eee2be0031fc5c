"""The whole ensemble as one model."""

from pathlib import Path

import onnx

from seg.export.fuse.card import EnsembleCard
from seg.export.fuse.fuse import fuse_ensemble
from seg.export.triton.config import config_of
from seg.export.triton.job import Job
from seg.export.triton.repository import MODEL_FILE, Draft


def add_whole(draft: Draft, job: Job) -> tuple[Path, EnsembleCard]:
    """Add the fused model; return where it will be, and its card.

    Raises:
        SpecError, ModelError, VerificationError: as for fusing.
        OutputError: what bears its name in the repository is no model.
    """
    version = draft.new_version(job.request.name)
    file = version / MODEL_FILE
    card = fuse_ensemble(job.spec, job.request, file, job.images)
    draft.configure(
        version, config_of(job.request.name, onnx.load(file, load_external_data=False), job.serving)
    )
    return draft.final(file), card
