"""Encoders by name: smp's own, and timm's as `tu-NAME`."""

import inspect
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, cast, get_args

import segmentation_models_pytorch as smp
import timm
import torch

from seg.errors import SpecError
from seg.spec.base import did_you_mean
from seg.spec.recipe.architectures import OWN_ENCODERS, Architecture

RGB = tuple[float, float, float]

_IMAGENET: Final = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CENTRED: Final = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
_DPN: Final = (124 / 255, 117 / 255, 104 / 255), (0.2348, 0.2348, 0.2348)
_OTHER_THAN_IMAGENET: Final = {"inception": _CENTRED, "xception": _CENTRED, "dpn": _DPN}
_ADVERSARIAL: Final = "advprop"


def check_architecture(architecture: str, encoder: str) -> None:
    """Raise SpecError, with the nearest name, if a name is unknown or the architecture lacks the encoder."""
    known = get_args(Architecture)
    if architecture not in known:
        raise SpecError(f"there is no architecture {architecture!r}: {did_you_mean(architecture, known)}")
    own = OWN_ENCODERS.get(cast(Architecture, architecture))
    if own:
        if encoder not in own:
            raise SpecError(f"{architecture} has only the encoder {' or '.join(own)}, got {encoder!r}")
    elif encoder.startswith("tu-"):
        _check_timm_name(encoder.removeprefix("tu-"))
    elif encoder not in smp.encoders.encoders and timm_name(encoder) is None:
        raise SpecError(f"there is no encoder {encoder!r}: {did_you_mean(encoder, smp.encoders.encoders)}")


def timm_name(encoder: str) -> str | None:
    """The name of the encoder in timm; None if only smp has it."""
    if encoder.startswith("tu-"):
        return encoder.removeprefix("tu-")
    if not encoder.startswith("timm-"):
        return None
    name = encoder.removeprefix("timm-").replace("mobilenetv3", "tf_mobilenetv3")
    with _without_warnings():
        return name if timm.is_model(name) else None


def encoder_preprocessing(encoder: str, encoder_weights: str | None = None) -> tuple[RGB, RGB]:
    """Mean and standard deviation of RGB in 0..1 that the encoder's published weights expect."""
    name = timm_name(encoder)
    config = timm.get_pretrained_cfg(name) if name else None
    if config is not None:
        return _rgb_of_values(config.mean), _rgb_of_values(config.std)
    if encoder_weights == _ADVERSARIAL:
        return _CENTRED
    family = next((start for start in _OTHER_THAN_IMAGENET if encoder.startswith(start)), None)
    return _OTHER_THAN_IMAGENET[family] if family else _IMAGENET


def supports_any_size(encoder: str) -> bool:
    """Whether timm's encoder has a fixed image size by default, and the option `dynamic_img_size`."""
    name = timm_name(encoder)
    if name is None:
        return False
    with torch.device("meta"), _without_warnings():
        network = timm.create_model(name)
    return "dynamic_img_size" in inspect.signature(type(network).__init__).parameters


def native_image_size(encoder: str) -> tuple[int, int] | None:
    """Height and width of the images that timm's encoder was trained on; None if it is not timm's."""
    name = timm_name(encoder)
    config = timm.get_pretrained_cfg(name) if name else None
    return (config.input_size[1], config.input_size[2]) if config else None


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence timm's warnings about deprecated names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_timm_name(name: str) -> None:
    model, _, tag = name.partition(".")
    if not timm.is_model(model):
        raise SpecError(f"timm has no encoder {model!r}: {did_you_mean(model, timm.list_models())}")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{model}.*")]
    if tag and tag not in tags:
        raise SpecError(f"timm's {model!r} has no weights {tag!r}: {did_you_mean(tag, tags)}")


def _rgb_of_values(values: Sequence[float]) -> RGB:
    red, green, blue = values
    return red, green, blue
