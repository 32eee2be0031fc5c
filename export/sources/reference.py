"""What a network that was trained elsewhere predicts as declared, computed with numpy, OpenCV and Pillow.

Independent of what is exported, which is compared with it. Images go one by one, so that batches are
compared, too.
"""

from collections.abc import Iterator
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from seg.export.sources.declaration import Declaration, InputDeclaration, OutputDeclaration
from seg.export.sources.source import RawNetwork
from seg.labels.label_map import ImageHWC, ProbabilitiesCHW

Size = tuple[int, int]
Floats = NDArray[np.float32]

_OPENCV: Final = {"nearest": cv2.INTER_NEAREST, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}
_PILLOW: Final = {
    "bilinear-antialias": Image.Resampling.BILINEAR,
    "bicubic-antialias": Image.Resampling.BICUBIC,
}
_GREY: Final = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def reference_probabilities(
    network: RawNetwork, image_hwc: ImageHWC, declared: Declaration
) -> ProbabilitiesCHW:
    """Probabilities of the dataset's classes, float32 `[C, H, W]`, of an image, uint8 `[H, W, 3]` RGB."""
    size_hw = image_hwc.shape[:2]
    if declared.input.mode == "resize":
        theirs_khw = _reference_planes(network, image_hwc, size_hw, declared)
    else:
        theirs_khw = np.empty((0, 0, 0), dtype=np.float32)
        for top, left, tile_hwc in _reference_tiles(image_hwc, declared.input):
            tile_khw = _reference_planes(network, tile_hwc, tile_hwc.shape[:2], declared)
            if not theirs_khw.size:
                theirs_khw = np.zeros((len(tile_khw), *size_hw), dtype=np.float32)
            part_khw = theirs_khw[:, top : top + tile_khw.shape[1], left : left + tile_khw.shape[2]]
            part_khw[:] = tile_khw[:, : part_khw.shape[1], : part_khw.shape[2]]
    parts_ck = np.array(declared.classes.parts, dtype=np.float32)
    if declared.has_sigmoids:
        return np.stack([(theirs_khw * parts_k[:, None, None]).max(axis=0) for parts_k in parts_ck])
    ours_chw = np.einsum("ck,khw->chw", parts_ck, theirs_khw)
    if declared.classes.renormalises:
        ours_chw /= np.maximum(ours_chw.sum(axis=0), np.float32(1e-12))
    return np.asarray(ours_chw, dtype=np.float32)


def _reference_tiles(image_hwc: ImageHWC, declared: InputDeclaration) -> Iterator[tuple[int, int, ImageHWC]]:
    """The whole image, padded, or its tiles, with the place of each."""
    cell_hw = declared.size_hw if declared.mode == "tile" and declared.size_hw else (declared.stride,) * 2
    below, right = (-side % cell for side, cell in zip(image_hwc.shape[:2], cell_hw, strict=True))
    padded_hwc = np.pad(image_hwc, ((0, below), (0, right), (0, 0)), mode="edge")
    step_hw = cell_hw if declared.mode == "tile" else padded_hwc.shape[:2]
    for top in range(0, padded_hwc.shape[0], step_hw[0]):
        for left in range(0, padded_hwc.shape[1], step_hw[1]):
            yield top, left, padded_hwc[top : top + step_hw[0], left : left + step_hw[1]]


def _reference_planes(
    network: RawNetwork, image_hwc: ImageHWC, size_hw: Size, declared: Declaration
) -> Floats:
    """Probabilities of the network's classes at the given size, `[K, H, W]`."""
    raw = network(prepare_reference_input(image_hwc, declared.input))
    planes_khw = _output_as_reference_planes(raw, declared.output)
    resized_khw = np.stack(
        [_resized_reference_plane(plane, size_hw, declared.output.resample) for plane in planes_khw]
    )
    return _reference_activation(resized_khw, declared.output, has_sigmoids=declared.has_sigmoids)


def reference_inputs(image_hwc: ImageHWC, declared: InputDeclaration) -> Iterator[NDArray[Any]]:
    """What the network takes of one image: one, or one for each tile, each with a batch axis."""
    if declared.mode == "resize":
        yield prepare_reference_input(image_hwc, declared)
    else:
        for _, _, tile_hwc in _reference_tiles(image_hwc, declared):
            yield prepare_reference_input(tile_hwc, declared)


def prepare_reference_input(image_hwc: ImageHWC, declared: InputDeclaration) -> NDArray[Any]:
    """What the network takes of one image, with a batch axis."""
    values_hwc = image_hwc.astype(np.float32)
    if declared.mode == "resize" and declared.size_hw:
        planes = [
            _resized_reference_plane(plane, declared.size_hw, declared.resample)
            for plane in np.moveaxis(values_hwc, 2, 0)
        ]
        values_hwc = np.stack(planes, axis=2)
    if declared.channels == "bgr":
        values_hwc = values_hwc[:, :, ::-1]
    elif declared.channels == "grey":
        values_hwc = (values_hwc * _GREY).sum(axis=2, keepdims=True)
    mean, std = (np.array(numbers, dtype=np.float32) for numbers in (declared.mean, declared.std))
    values_hwc = (values_hwc * np.float32(declared.scale) - mean) / std
    if declared.dtype == "uint8":
        values_hwc = np.clip(np.rint(values_hwc), 0, 255)
    ordered = values_hwc if declared.layout == "nhwc" else np.moveaxis(values_hwc, 2, 0)
    return np.ascontiguousarray(ordered[None], dtype=declared.dtype)


def returned_planes(raw: NDArray[Any], declared: OutputDeclaration) -> Floats:
    """The first image's output as float32 `[K, h, w]`; one without an axis of channels is one plane."""
    image = raw[0]
    if image.ndim == 2:
        return np.asarray(image[None], dtype=np.float32)
    return np.asarray(np.moveaxis(image, 2, 0) if declared.layout == "nhwc" else image, dtype=np.float32)


def _output_as_reference_planes(raw: NDArray[Any], declared: OutputDeclaration) -> Floats:
    """The same, where labels become one plane for each class."""
    planes_khw = returned_planes(raw, declared)
    if declared.kind == "labels":
        planes_khw = planes_khw == np.arange(declared.count)[:, None, None]
    return np.asarray(planes_khw, dtype=np.float32)


@np.errstate(over="ignore", invalid="ignore")  # Of networks that are fed wrongly; NaN is found later.
def _reference_activation(planes_khw: Floats, declared: OutputDeclaration, *, has_sigmoids: bool) -> Floats:
    if declared.kind == "logits":
        raised = np.exp(planes_khw - planes_khw.max(axis=0))
        return np.asarray(raised / raised.sum(axis=0), dtype=np.float32)
    if declared.kind == "sigmoid-logits":
        planes_khw = np.asarray(1 / (1 + np.exp(-planes_khw.astype(np.float64))), dtype=np.float32)
    planes_khw = np.clip(planes_khw, 0, 1)
    if has_sigmoids:
        return planes_khw
    if declared.has_rest:
        planes_khw = np.concatenate([planes_khw, 1 - planes_khw.max(axis=0, keepdims=True)])
    exact_khw = planes_khw.astype(np.float64)
    return np.asarray(exact_khw / np.maximum(exact_khw.sum(axis=0), 1e-300), dtype=np.float32)


def _resized_reference_plane(plane_hw: Floats, size_hw: Size, name: str) -> Floats:
    if plane_hw.shape == size_hw:
        return plane_hw
    if name in _PILLOW:
        return np.asarray(Image.fromarray(plane_hw).resize(size_hw[::-1], _PILLOW[name]), dtype=np.float32)
    return np.asarray(cv2.resize(plane_hw, size_hw[::-1], interpolation=_OPENCV[name]), dtype=np.float32)
