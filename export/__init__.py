"""Checkpoints in, deployable files out.

    from seg.export import export_checkpoint, fuse_ensemble

What is named here is imported when it is first used: exporting needs torch, fusing does not.
"""

from typing import TYPE_CHECKING

from seg.lazy import lazy_public_names

if TYPE_CHECKING:
    from seg.export.export import export_checkpoint
    from seg.export.fuse.fuse import FusionRequest, fuse_ensemble
    from seg.export.onnx_file.verification_images import validation_images
    from seg.export.precision.trial import trial_on_this_machine
    from seg.export.pytorch_module import export_module

__all__ = [
    "FusionRequest",
    "export_checkpoint",
    "export_module",
    "fuse_ensemble",
    "trial_on_this_machine",
    "validation_images",
]

__getattr__ = lazy_public_names(
    __name__,
    {
        "FusionRequest": "seg.export.fuse.fuse",
        "export_checkpoint": "seg.export.export",
        "export_module": "seg.export.pytorch_module",
        "fuse": "seg.export.fuse",
        "fuse_ensemble": "seg.export.fuse.fuse",
        "trial_on_this_machine": "seg.export.precision.trial",
        "validation_images": "seg.export.onnx_file.verification_images",
    },
)


def __dir__() -> list[str]:
    return __all__
