"""Tiny models that end as networks do, by upsampling their logits; and their passes, upsampled by PyTorch."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from seg.data.images.images import write_image
from seg.labels.label_map import ImageHWC, ProbabilitiesCHW
from seg.labels.task import Task, classes_overlap
from seg.models.card import CARD_KEY
from seg.models.temperature import TEMPERATURE
from seg.spec import EnsembleSpec, load_ensemble
from tests.engine.tiny_models import CLASSES, tiny_card

GRID: Final = 32
"""Images are padded to multiples of it; written down here once more."""


class Network(NamedTuple):
    """A network's seed, the factor of its last upsampling, and the stride that it pads to."""

    seed: int
    upsampling: int
    stride: int

    @property
    def name(self) -> str:
        return f"m{self.seed}"


NETWORKS: Final = (Network(1, 4, 16), Network(2, 8, 8), Network(3, 1, 8), Network(4, 4, 16))
WEIGHTS: Final = (1, 2, 3, 1.5)

TURNS: Final[dict[str, Callable[[NDArray[Any]], NDArray[Any]]]] = {
    "identity": lambda a: a,
    "hflip": lambda a: a[..., ::-1],
    "vflip": lambda a: a[..., ::-1, :],
    "rot180": lambda a: a[..., ::-1, ::-1],
    "transpose": lambda a: a.swapaxes(-1, -2),
    "antitranspose": lambda a: a[..., ::-1, ::-1].swapaxes(-1, -2),
}
"""Views that are their own inverse, on `[..., H, W]`."""


def network_graph(network: Network, task: Task = "multiclass", *, cut: bool = False) -> onnx.ModelProto:
    """Pad to the stride, convolve in steps of `upsampling`, upsample from corner to corner, crop, softmax.

    `cut` leaves out upsampling and cropping.
    """
    rng = np.random.default_rng(network.seed)
    kernel = rng.normal(0, 0.05, (len(CLASSES), 3, network.upsampling + 2, network.upsampling + 1)).astype(
        np.float32
    )
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Shape", ["nchw"], ["size"], start=2, end=4),
        helper.make_node("Neg", ["size"], ["less"]),
        helper.make_node("Mod", ["less", "stride"], ["missing"]),
        helper.make_node("Concat", ["none4", "none2", "missing"], ["pads"], axis=0),
        helper.make_node("Pad", ["nchw", "pads"], ["padded"], mode="edge"),
        helper.make_node(
            "Conv", ["padded", "kernel"], ["low"], strides=[network.upsampling] * 2, pads=[1, 0, 1, 1]
        ),
    ]
    logits = "low"
    if not cut:
        if network.upsampling > 1:
            corners = "align_corners"
            nodes.append(
                helper.make_node(
                    "Resize",
                    ["low", "", "scales"],
                    ["upsampled"],
                    mode="linear",
                    coordinate_transformation_mode=corners,
                )
            )
            logits = "upsampled"
        nodes.append(helper.make_node("Slice", [logits, "start", "size", "axes"], ["logits"]))
        logits = "logits"
    nodes.append(helper.make_node("Div", [logits, TEMPERATURE], ["tempered"]))
    nodes.append(
        helper.make_node("Sigmoid", ["tempered"], ["probabilities"])
        if classes_overlap(task)
        else helper.make_node("Softmax", ["tempered"], ["probabilities"], axis=1)
    )
    constants: dict[str, NDArray[Any]] = {
        "kernel": kernel,
        TEMPERATURE: np.array(1, np.float32),
        "stride": np.array([network.stride], np.int64),
        "none4": np.zeros(4, np.int64),
        "none2": np.zeros(2, np.int64),
        "scales": np.array([1, 1, network.upsampling, network.upsampling], np.float32),
        "start": np.zeros(2, np.int64),
        "axes": np.array([2, 3], np.int64),
    }
    graph = helper.make_graph(
        nodes,
        network.name,
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", len(CLASSES), "h", "w"])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def write_network(folder: Path, network: Network, task: Task = "multiclass") -> None:
    card = tiny_card(network.name, CLASSES, task)
    card = card.model_copy(update={"input": card.input.model_copy(update={"stride": network.stride})})
    model = network_graph(network, task)
    helper.set_model_props(model, {CARD_KEY: card.model_dump_json()})
    onnx.save(model, folder / f"{network.name}.onnx")


def decoder_spec(folder: Path, task: Task = "multiclass", **options: Any) -> EnsembleSpec:
    """An ensemble of all networks that is merged at their decoders; its images are three photos."""
    for network in NETWORKS:
        write_network(folder, network, task)
    for number in range(3):
        write_image(folder / f"images/{number}.png", photo(40, 56, number))
    categories = [{"id": c.id, "name": c.name} for c in CLASSES]
    (folder / "train.json").write_text(json.dumps({"images": [], "categories": categories}))
    data = {
        "train": {"images": "images", "annotations": "train.json"},
        "val": {"images": "images"},
        "predict": {"images": "images"},
        **({"task": task} if classes_overlap(task) else {"unlabelled": CLASSES[0].name}),
    }
    members = [
        {"name": network.name, "model": f"{network.name}.onnx", "weight": weight}
        for network, weight in zip(NETWORKS, WEIGHTS, strict=True)
    ]
    spec = {"data": data, "members": members, "merge_at": "decoder", "runtime": "cpu"} | options
    (folder / "spec.yaml").write_text(json.dumps(spec))
    return load_ensemble(folder / "spec.yaml")


def photo(height: int, width: int, seed: int = 0) -> ImageHWC:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@cache
def _session(network: Network, task: Task) -> onnxruntime.InferenceSession:
    content = network_graph(network, task, cut=True).SerializeToString()
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


def padded(image_hwc: ImageHWC) -> ImageHWC:
    below, right = (-side % GRID for side in image_hwc.shape[:2])
    return np.pad(image_hwc, ((0, below), (0, right), (0, 0)), mode="edge")


def decoder_outputs_of(
    network: Network, image_hwc: ImageHWC, task: Task = "multiclass"
) -> NDArray[np.float32]:
    """The network's outputs before upsampling, with its own padding, `[C, h, w]`."""
    found = _session(network, task).run(None, {"image": np.ascontiguousarray(image_hwc)[None]})
    return np.asarray(found[0][0])


def upsampled_pass(
    network: Network, view: str, image_hwc: ImageHWC, task: Task = "multiclass"
) -> ProbabilitiesCHW:
    """A pass of the padded image, turned back, upsampled by PyTorch, and cropped."""
    turn, padded_hwc = TURNS[view], padded(image_hwc)
    seen_hwc = turn(padded_hwc.transpose(2, 0, 1)).transpose(1, 2, 0)
    outputs = torch.from_numpy(turn(decoder_outputs_of(network, seen_hwc, task)).copy())[None]
    size_hw = padded_hwc.shape[:2]
    found = torch.nn.functional.interpolate(outputs, size_hw, mode="bilinear", align_corners=True)[0].numpy()
    return np.asarray(found[:, : image_hwc.shape[0], : image_hwc.shape[1]])
