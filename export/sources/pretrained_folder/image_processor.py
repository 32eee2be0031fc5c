"""How images are prepared, from the image processor of a transformers folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from seg.errors import ModelError
from seg.export.sources.torch_source import torch_error_line
from seg.spec.ensemble.imported import ResampleName

_CONFIGS: Final = ("preprocessor_config.json", "processor_config.json")
_RESAMPLES: Final[Mapping[int, ResampleName]] = {
    0: "nearest",
    2: "bilinear-antialias",
    3: "bicubic-antialias",
}
"""By their numbers in Pillow."""


def input_facts_of_processor(folder: Path, usual_side: int | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Fields of `SourceFacts` on the input, and lines for the user; nothing without a processor.

    Args:
        folder: with the processor's configuration.
        usual_side: of the images that the network was made for, if it says so.

    Raises:
        ModelError: the configuration is damaged.
    """
    if not any((folder / name).exists() for name in _CONFIGS):
        return {}, ()
    from transformers import AutoImageProcessor

    try:
        processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # transformers raises all kinds of exceptions for a damaged configuration
        raise ModelError(
            f"{folder}: its image processor cannot be read: {torch_error_line(error)}"
        ) from error
    try:
        return _facts_of_processor(processor, usual_side)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise ModelError(
            f"{folder}: its image processor has a wrong value: {torch_error_line(error)}: correct"
            f" {_CONFIGS[0]}"
        ) from error


def _facts_of_processor(processor: Any, usual_side: int | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    facts: dict[str, Any] = {
        "channels": "bgr" if _processor_attribute(processor, "do_flip_channel_order") else "rgb",
        "scale": float(processor.rescale_factor) if _processor_attribute(processor, "do_rescale") else 1.0,
    }
    if _processor_attribute(processor, "do_normalize"):
        facts |= {
            "mean": _numbers_per_channel(processor.image_mean),
            "std": _numbers_per_channel(processor.image_std),
        }
    notes = []
    if _processor_attribute(processor, "do_reduce_labels"):
        notes.append("do_reduce_labels: its class 0 was label 1 of its training data, which had no label 0")
    if not _processor_attribute(processor, "do_resize"):
        return facts | {"mode": "pad"}, tuple(notes)
    size_hw, is_exact = _size_of_processor(processor, usual_side)
    if size_hw is not None:
        facts |= {"mode": "resize", "size_hw": size_hw, "resample": _RESAMPLES.get(int(processor.resample))}
        if not is_exact:
            notes.append(
                f"resizes images to {size_hw[0]}x{size_hw[1]}; its processor keeps their aspect: set"
                " 'input.size' to that of your images"
            )
    return facts, tuple(notes)


def _size_of_processor(processor: Any, usual_side: int | None) -> tuple[tuple[int, int] | None, bool]:
    """Height and width of what the network takes, and whether the processor always makes images of them."""
    crop, size = _processor_attribute(processor, "crop_size"), _processor_attribute(processor, "size")
    given = crop if _processor_attribute(processor, "do_center_crop") and crop else size
    if given and _processor_attribute(given, "height") and _processor_attribute(given, "width"):
        is_exact = given is size and not _processor_attribute(processor, "keep_aspect_ratio")
        return (int(given["height"]), int(given["width"])), is_exact
    side = usual_side or (_processor_attribute(given, "shortest_edge") if given else None)
    return ((int(side), int(side)) if side else None), False


def _processor_attribute(thing: Any, name: str) -> Any:
    """An attribute or entry, None where it is missing; sizes are dicts, or objects like them."""
    return thing.get(name) if hasattr(thing, "get") else getattr(thing, name, None)


def _numbers_per_channel(values: Any) -> tuple[float, ...]:
    return tuple(map(float, values)) if isinstance(values, list | tuple) else (float(values),)
