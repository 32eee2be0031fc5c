"""A Triton model of the whole ensemble, fused into one file."""

from pathlib import Path

import onnx

from seg.export.fuse.card import EnsembleCard
from seg.export.fuse.fuse import fuse_ensemble
from seg.export.triton.config import triton_model_config
from seg.export.triton.job import TritonJob
from seg.export.triton.repository import MODEL_FILE, RepositoryUpdate


def add_fused_triton_model(update: RepositoryUpdate, job: TritonJob) -> tuple[Path, EnsembleCard]:
    """Add the fused model; returns its final path and its card.

    Raises:
        SpecError, ModelError, VerificationError: as for fusing.
        OutputError: something with its name in the repository is not a model.
    """
    version = update.new_version(job.request.name)
    file = version / MODEL_FILE
    card = fuse_ensemble(job.spec, job.request, file, job.images)
    update.configure(
        version, triton_model_config(job.request.name, onnx.load(file, load_external_data=False), job.serving)
    )
    return update.final(file), card
