"""A folder of smp's `save_pretrained`: a network, and its preprocessing if albumentations saved that."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_args

from seg.errors import ModelError
from seg.export.sources.declaration import SourceFacts
from seg.export.sources.pretrained_folder.config_file import (
    read_config_json,
    sha256_of_folder,
    weights_file_in_folder,
)
from seg.export.sources.state_dict.open import open_state_dict
from seg.export.sources.torch_source import TorchSource
from seg.spec.ensemble.imported import OutputKind, ResampleName
from seg.spec.recipe.architectures import SmpArchitecture

CLASS_KEY: Final = "_model_class"
_PREPROCESSING: Final = "albumentations_config_*.json"
_NOT_OPTIONS: Final = frozenset(
    {CLASS_KEY, "encoder_name", "encoder_weights", "in_channels", "classes", "activation", "aux_params"}
)
_ACTIVATIONS: Final[Mapping[Any, OutputKind]] = {
    None: "logits",
    "identity": "logits",
    "softmax": "logits",
    "softmax2d": "logits",
    "logsoftmax": "logits",
    "sigmoid": "sigmoid-logits",
}
"""The kind of output by the activation that follows the network, which is left out."""

_INTERPOLATIONS: Final[Mapping[int, ResampleName]] = {0: "nearest", 1: "bilinear", 2: "bicubic"}
"""By their numbers in OpenCV."""


def open_smp_folder(folder: Path, config: Mapping[str, Any]) -> TorchSource:
    """Open a folder whose `config.json` is an smp model's.

    Raises:
        ModelError: the folder is not complete, or its weights are not those of its configuration.
    """
    architecture = str(config[CLASS_KEY]).lower()
    if architecture not in get_args(SmpArchitecture):
        raise ModelError(f"{folder}: smp has no model {config[CLASS_KEY]!r}: correct its config.json")
    activation = config.get("activation")
    if not isinstance(activation, str | None) or activation not in _ACTIVATIONS:
        raise ModelError(f"{folder}: has activation {activation!r}, which is not known: remove it")
    options = {key: value for key, value in config.items() if key not in _NOT_OPTIONS}
    source = open_state_dict(
        weights_file_in_folder(folder), architecture, str(config.get("encoder_name", "resnet34")), options
    )
    kind = _ACTIVATIONS[activation]
    facts = replace(source.facts, kind=source.facts.kind if source.facts.count == 1 else kind)
    return replace(
        source,
        path=folder,
        sha256=sha256_of_folder(folder),
        kind="smp folder",
        facts=_with_preprocessing(folder, facts),
    )


def _with_preprocessing(folder: Path, facts: SourceFacts) -> SourceFacts:
    """The facts, with mean, std and size of the preprocessing beside the weights, if there is one."""
    for path in sorted(folder.glob(_PREPROCESSING)):
        for step in _preprocessing_steps(read_config_json(path).get("transform")):
            name = str(step.get("__class_fullname__", "")).rpartition(".")[2]
            try:
                if name == "Normalize" and step.get("normalization", "standard") == "standard":
                    facts = replace(
                        facts,
                        scale=1 / float(step.get("max_pixel_value", 255)),
                        mean=tuple(map(float, step["mean"])),
                        std=tuple(map(float, step["std"])),
                    )
                elif name == "Resize":
                    facts = replace(
                        facts,
                        mode="resize",
                        size_hw=(int(step["height"]), int(step["width"])),
                        resample=_INTERPOLATIONS.get(step.get("interpolation", 1)),
                    )
            except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
                raise ModelError(f"{path}: its {name} is not complete: save it again") from error
    return facts


def _preprocessing_steps(transform: Any) -> list[dict[str, Any]]:
    """The transforms of a composition, one after another."""
    if not isinstance(transform, dict):
        return []
    inner = transform.get("transforms")
    return (
        [step for one in inner for step in _preprocessing_steps(one)]
        if isinstance(inner, list)
        else [transform]
    )
