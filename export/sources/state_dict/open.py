"""Open a state dict as a source: read, recognised, with the preprocessing that its encoder usually has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seg.export.onnx_file.to_onnx import NEEDS_FIXED_SIZE
from seg.export.sources.declaration import SourceFacts
from seg.export.sources.state_dict.network_prefix import tensors_without_prefix
from seg.export.sources.state_dict.recognise import recognise_state_dict
from seg.export.sources.torch_source import TorchSource
from seg.files.atomic import sha256_of
from seg.train.networks.build import NO_OPTIONS, STRIDE
from seg.train.networks.encoders import encoder_preprocessing
from seg.train.networks.weights.state_dict_file import read_state_dict


def open_state_dict(
    path: Path,
    architecture: str | None = None,
    encoder: str | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
) -> TorchSource:
    """Read a state dict, recognise its network, and build it.

    Args:
        path: of a file of safetensors, or that torch.save wrote.
        architecture: the name of the architecture, if it is known.
        encoder: the name of the encoder, if it is known.
        options: arguments of smp's class, if they are known.

    Raises:
        ModelError: the file is missing, damaged or unsafe, or no known network has these weights.
        SpecError: there is no such architecture or encoder.
    """
    found = recognise_state_dict(
        path, tensors_without_prefix(path, read_state_dict(path)), architecture, encoder, options
    )
    mean, std = encoder_preprocessing(found.candidate.encoder)
    classes = found.candidate.classes
    return TorchSource(
        path=path,
        sha256=sha256_of(path),
        kind="state dict",
        architecture=found.candidate.architecture,
        encoder=found.candidate.encoder,
        facts=SourceFacts(
            channels="rgb",
            scale=1 / 255,
            mean=mean,
            std=std,
            stride=STRIDE,
            kind="sigmoid-logits" if classes == 1 else "logits",
            count=classes,
        ),
        module=found.network,
        has_free_size=found.candidate.architecture not in NEEDS_FIXED_SIZE,
        notes=(f"recognised as {found.candidate}, {classes} classes", *found.notes),
    )
