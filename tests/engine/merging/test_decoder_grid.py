"""Merging at the decoders' grids, with all that can be combined with it, against passes upsampled by PyTorch.

Upsampling is linear. So the reference is the plain mean of passes that were each upsampled.
"""

import time
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from seg.engine import Ensemble
from seg.engine.early_exit.deadline import PassBudget
from seg.engine.early_exit.pass_samples import sample_passes
from seg.engine.early_exit.rules import MissingC, Stopping
from seg.engine.early_exit.traces import PassTrace
from seg.engine.jobs.calibration.calibrate import calibrate_ensemble
from seg.engine.jobs.predict import run_ensemble
from seg.engine.jobs.stopping import build_stopping
from seg.engine.member import default_pass_order
from seg.engine.passes.passes import PassOrder
from seg.engine.pipeline.timing import Clock
from seg.errors import ModelError, SpecError
from seg.labels.label_map import ImageHWC, LabelsHW, ProbabilitiesCHW
from seg.labels.task import Task
from seg.spec.ensemble.prediction import StoppingSpec
from tests.engine.decoder_models import (
    NETWORKS,
    TURNS,
    WEIGHTS,
    decoder_outputs_of,
    decoder_spec,
    padded,
    photo,
    upsampled_pass,
    write_network,
)
from tests.engine.tiny_models import CLASSES

VIEWS: Final = tuple(TURNS)
SIZES: Final = [(64, 96), (64, 56), (33, 95), (1, 1), (1, 40)]


def resized(image_hwc: ImageHWC, size_wh: tuple[int, int], method: int) -> ImageHWC:
    return np.asarray(cv2.resize(image_hwc, size_wh, interpolation=method), dtype=np.uint8)


def passes_by_hand(
    ensemble: Ensemble, pass_order: PassOrder, image_hwc: ImageHWC, task: Task = "multiclass"
) -> list[ProbabilitiesCHW]:
    """The passes in their order, each upsampled."""
    networks = {network.name: network for network in NETWORKS}
    return [
        upsampled_pass(networks[ensemble.members[planned.member].name], planned.view.name, image_hwc, task)
        for planned in pass_order
    ]


def mean_by_hand(passes: list[ProbabilitiesCHW], pass_order: PassOrder) -> ProbabilitiesCHW:
    """The mean by the shares of the passes, over those that there are."""
    shares = np.array([[planned.share_of(c) for c in range(len(CLASSES))] for planned in pass_order])
    total = sum(share[:, None, None] * one for share, one in zip(shares, passes, strict=False))
    return np.asarray(total / np.sum(total, axis=0))


@pytest.mark.parametrize("size_hw", SIZES)
@pytest.mark.parametrize("class_weights", [{}, {CLASSES[1].name: 3.0, CLASSES[2].name: 0.4}])
def test_the_mean_is_that_of_upsampled_passes(
    size_hw: tuple[int, int], class_weights: dict[str, float], tmp_path: Path
) -> None:
    members = [
        {"name": n.name, "model": f"{n.name}.onnx", "weight": w}
        for n, w in zip(NETWORKS, WEIGHTS, strict=True)
    ]
    members[1]["class_weights"] = class_weights
    ensemble = Ensemble.load(decoder_spec(tmp_path, views=list(VIEWS), members=members))
    image_hwc = photo(*size_hw)
    shares = np.array(WEIGHTS, dtype=float)[:, None] * np.ones(len(CLASSES))
    shares[1] *= [class_weights.get(one.name, 1) for one in CLASSES]
    shares /= shares.sum(0)
    expected: Any = sum(
        share[:, None, None] / len(VIEWS) * upsampled_pass(network, view, image_hwc)
        for network, share in zip(NETWORKS, shares, strict=True)
        for view in VIEWS
    )
    expected = expected / expected.sum(0)
    found = ensemble.predict(image_hwc)
    np.testing.assert_allclose(found.probabilities, expected, atol=2e-6)
    first, second = np.sort(expected, axis=0)[:-3:-1]
    np.testing.assert_array_equal(
        found.labels[first - second > 1e-5], expected.argmax(0)[first - second > 1e-5]
    )


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: f"upsampled by {network.upsampling}")
def test_one_upright_pass_is_nearly_what_the_network_returns(network: Any, tmp_path: Path) -> None:
    """The network interpolates logits, so that probabilities between decoder pixels differ a little."""
    spec = decoder_spec(tmp_path, members=[{"name": network.name, "model": f"{network.name}.onnx"}])
    smooth_hwc = resized(photo(4, 5), (96, 64), cv2.INTER_CUBIC)
    at_image = Ensemble.load(spec.model_copy(update={"merge_at": "image"})).predict(smooth_hwc)
    ours = Ensemble.load(spec).predict(smooth_hwc)
    corners = np.s_[:, ::63, ::95]
    np.testing.assert_allclose(ours.probabilities[corners], at_image.probabilities[corners], atol=1e-6)
    assert (ours.labels == at_image.labels).mean() > (0.9 if network.upsampling > 1 else 0.9999)


SPECIALIST: Final = [
    {"name": "m1", "model": "m1.onnx"},
    {"name": "m2", "model": "m2.onnx", "weight": 2, "covers": [CLASSES[1].name, CLASSES[2].name]},
]


def test_specialists_are_weighed_as_at_the_image(tmp_path: Path) -> None:
    """Two classes are the specialist's and the other's; the two others fill what these leave."""
    ensemble = Ensemble.load(decoder_spec(tmp_path, members=SPECIALIST))
    image_hwc = photo(40, 56)
    general, special = (
        upsampled_pass(network, "identity", image_hwc).astype(float) for network in NETWORKS[:2]
    )
    expected = general.copy()
    expected[1:3] = (general[1:3] + 2 * special[1:3]) / 3
    rest = general[[0, 3]] + 1e-4
    expected[[0, 3]] = rest / rest.sum(0) * np.maximum(1 - expected[1:3].sum(0), 0)
    expected /= expected.sum(0)
    np.testing.assert_allclose(ensemble.predict(image_hwc).probabilities, expected, atol=1e-5)


def test_classes_that_overlap_are_merged_one_by_one(tmp_path: Path) -> None:
    ensemble = Ensemble.load(decoder_spec(tmp_path, "multilabel", views=list(VIEWS)))
    image_hwc = photo(40, 56)
    expected: Any = sum(
        weight / sum(WEIGHTS) / len(VIEWS) * upsampled_pass(network, view, image_hwc, "multilabel")
        for network, weight in zip(NETWORKS, WEIGHTS, strict=True)
        for view in VIEWS
    )
    found = ensemble.predict(image_hwc)
    np.testing.assert_allclose(found.probabilities, expected, atol=2e-6)
    assert not np.allclose(expected.sum(0), 1, atol=0.1)


@pytest.mark.parametrize("view", ["scale0.5", "scale1.25", "scale2", "hflip-scale0.75"])
def test_scaled_views_are_interpolated_on_the_image_s_grid(view: str, tmp_path: Path) -> None:
    """Sampled by PyTorch at the decoder's pixels, for each member; then upsampled as any pass."""
    ensemble = Ensemble.load(decoder_spec(tmp_path, views=[view]))
    image_hwc, scale = photo(40, 56), float(view.rpartition("scale")[2])
    turn = TURNS["hflip" if view.startswith("hflip") else "identity"]
    padded_hwc = padded(image_hwc)
    height, width = padded_hwc.shape[:2]
    seen_wh = round(width * scale), round(height * scale)
    turned_hwc = np.ascontiguousarray(turn(padded_hwc.transpose(2, 0, 1)).transpose(1, 2, 0))
    seen_hwc = resized(turned_hwc, seen_wh, cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    expected: Any = 0
    for network, weight in zip(NETWORKS, WEIGHTS, strict=True):
        outputs = decoder_outputs_of(network, seen_hwc)
        places = []
        for extent, seen in ((height, seen_wh[1]), (width, seen_wh[0])):
            at_outputs = np.linspace(0, extent - 1, extent // network.upsampling)
            in_view = np.clip((at_outputs + 0.5) * seen / extent - 0.5, 0, seen - 1)
            places.append(in_view / (seen + -seen % network.stride - 1) * 2 - 1)
        where = np.stack(np.meshgrid(*places, indexing="ij")[::-1], axis=-1)
        sampled = torch.nn.functional.grid_sample(
            torch.from_numpy(outputs)[None].double(),
            torch.from_numpy(where)[None],
            align_corners=True,
            padding_mode="border",
        )
        upright = torch.from_numpy(turn(sampled.numpy()).copy())
        pixels = torch.nn.functional.interpolate(
            upright, (height, width), mode="bilinear", align_corners=True
        )
        expected = expected + weight / sum(WEIGHTS) * pixels[0, :, :40, :56].numpy()
    np.testing.assert_allclose(ensemble.predict(image_hwc).probabilities, expected, atol=1e-5)


class Recorder:
    """A monitor that keeps what it is asked about and settles after `end` looks."""

    def __init__(self, end: int = 1000) -> None:
        self.seen: list[tuple[ProbabilitiesCHW, MissingC]] = []
        self._end = end

    def observe_checkpoint(self, sum_chw: ProbabilitiesCHW, missing_c: MissingC) -> bool:
        self.seen.append((sum_chw.copy(), missing_c.copy()))
        return len(self.seen) == self._end


def labels_of(ensemble: Ensemble, image_hwc: ImageHWC, **options: Any) -> LabelsHW:
    found: list[LabelsHW] = list(
        ensemble.label_all([("one", image_hwc)], lambda _, labels: labels, **options)
    )
    (labels_hw,) = found
    return labels_hw


def test_early_exit_looks_at_the_sum_of_upsampled_passes(tmp_path: Path) -> None:
    ensemble = Ensemble.load(decoder_spec(tmp_path, views=["identity", "hflip"]))
    image_hwc, order = photo(40, 56), default_pass_order(ensemble.members, by_view=True)
    recorder = Recorder()
    stopping = Stopping(order, tuple(range(1, len(order))), lambda: recorder)
    labels_of(ensemble, image_hwc, stopping=stopping)
    sum_chw = np.zeros((len(CLASSES), 40, 56))
    assert len(recorder.seen) == len(order) - 1
    for (seen_chw, missing_c), planned, one in zip(
        recorder.seen, order, passes_by_hand(ensemble, order, image_hwc), strict=False
    ):
        sum_chw += planned.share * one
        np.testing.assert_allclose(seen_chw, sum_chw, atol=2e-6)
        np.testing.assert_allclose(missing_c, 1 - sum_chw.sum(0)[0, 0], atol=1e-5)


def test_an_image_that_exits_early_has_the_labels_of_the_passes_that_ran(tmp_path: Path) -> None:
    ensemble = Ensemble.load(decoder_spec(tmp_path, views=["identity", "hflip"]))
    image_hwc, order = photo(40, 56), default_pass_order(ensemble.members, by_view=True)
    stopping = Stopping(order, tuple(range(1, len(order))), lambda: Recorder(end=3))
    found = labels_of(ensemble, image_hwc, stopping=stopping)
    passes = passes_by_hand(ensemble, order, image_hwc)
    np.testing.assert_array_equal(found, mean_by_hand(passes[:3], order).argmax(0))
    assert (found != mean_by_hand(passes, order).argmax(0)).any()


def test_a_certain_exit_changes_no_label(tmp_path: Path) -> None:
    """Networks that are sure of themselves, one of which has nearly all weight."""
    members = [
        {"name": n.name, "model": f"{n.name}.onnx", "weight": w, "temperature": 0.02}
        for n, w in zip(NETWORKS, (30, 1, 1, 1), strict=True)
    ]
    spec = decoder_spec(tmp_path, members=members)
    ensemble = Ensemble.load(spec)
    for seed in range(4):
        image_hwc = resized(photo(3, 4, seed), (56, 40), cv2.INTER_NEAREST)
        clock = Clock()
        stopping = build_stopping(StoppingSpec(tolerance=0.05), ensemble)
        found = labels_of(ensemble, image_hwc, stopping=stopping, clock=clock)
        whole = labels_of(ensemble, image_hwc)
        assert (found != whole).mean() <= 0.05
        assert clock.passes < len(NETWORKS)


def test_calibration_and_the_run_that_it_stops(tmp_path: Path) -> None:
    spec = decoder_spec(tmp_path, views=["identity", "hflip"])
    calibration, traces = calibrate_ensemble(spec)
    assert len(traces) == 3
    assert sorted(calibration.order) == list(range(8))
    for trace in traces:
        assert isinstance(trace, PassTrace)
        for loss, margins in zip(trace.losses, trace.margins, strict=True):
            assert 0 <= loss <= margins.changeable_share
    stopped = spec.model_copy(update={"stopping": StoppingSpec(tolerance=0.5, calibration=calibration)})
    summary = run_ensemble(stopped)
    assert summary.images == 3


def test_tiles_are_calibrated_too(tmp_path: Path) -> None:
    spec = decoder_spec(tmp_path, views=["identity", "hflip"], tile={"size": "32x32", "overlap": 0.5})
    calibration, traces = calibrate_ensemble(spec)
    assert {trace.passes for trace in traces} == {8 * 2 * 3}
    stopped = spec.model_copy(update={"stopping": StoppingSpec(tolerance=0.5, calibration=calibration)})
    summary = run_ensemble(stopped)
    assert summary.images == 3


def test_passes_are_ranked_by_what_each_adds_at_the_decoder(tmp_path: Path) -> None:
    ensemble = Ensemble.load(decoder_spec(tmp_path, views=["identity", "transpose"]))
    order, image_hwc = default_pass_order(ensemble.members), photo(33, 47)
    (samples,) = sample_passes(ensemble.members, order, [("", image_hwc)])
    for sampled, expected in zip(samples, passes_by_hand(ensemble, order, image_hwc), strict=True):
        np.testing.assert_allclose(sampled, expected.reshape(len(CLASSES), -1), atol=2e-6)


@pytest.mark.parametrize("passes", [1, 3, 8])
def test_a_budget_of_passes_gives_the_labels_of_these(passes: int, tmp_path: Path) -> None:
    ensemble = Ensemble.load(decoder_spec(tmp_path, views=["identity", "hflip"]))
    image_hwc, order = photo(40, 56), default_pass_order(ensemble.members, by_view=True)
    # Two images are left to open: the one, and one to spare.
    budget = PassBudget([1.0] * len(order), 1, 1000 + 2 * (passes + 0.5) / 0.95, now=lambda: 1000)
    found = labels_of(ensemble, image_hwc, pass_order=order, budget=budget)
    assert budget.fewest == passes
    by_hand = mean_by_hand(passes_by_hand(ensemble, order, image_hwc)[:passes], order)
    np.testing.assert_array_equal(found, by_hand.argmax(0))


def test_a_run_with_a_deadline(tmp_path: Path) -> None:
    spec = decoder_spec(tmp_path, views="hflip")
    start = time.monotonic()
    summary = run_ensemble(spec, deadline=300)
    assert summary.images == 3
    assert time.monotonic() - start < 300


def test_tiles_are_merged_so_too(tmp_path: Path) -> None:
    """A tile is an image; overlapping tiles of equal weight are averaged."""
    spec = decoder_spec(tmp_path, tile={"size": "64x64", "overlap": 0.5, "blend": "uniform"})
    ensemble, image_hwc = Ensemble.load(spec), photo(64, 96)
    order = default_pass_order(ensemble.members)
    left, right = (
        mean_by_hand(passes_by_hand(ensemble, order, np.ascontiguousarray(part_hwc)), order)
        for part_hwc in (image_hwc[:, :64], image_hwc[:, 32:])
    )
    middle = (left[..., 32:] + right[..., :32]) / 2
    expected: NDArray[Any] = np.concatenate([left[..., :32], middle, right[..., 32:]], axis=2)
    np.testing.assert_allclose(ensemble.predict(image_hwc).probabilities, expected, atol=1e-5)


def test_a_stride_that_does_not_divide_the_grid_is_refused(tmp_path: Path) -> None:
    spec = decoder_spec(tmp_path)
    write_network(tmp_path, NETWORKS[0]._replace(stride=12))
    with pytest.raises(ModelError, match=r"m1\.onnx: pads images to multiples of 12, which do not divide 32"):
        Ensemble.load(spec)


@pytest.mark.parametrize("merge", ["geometric", "vote"])
def test_other_merges_are_refused(merge: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="'merge: geometric' or 'vote' and 'merge_at: decoder' exclude"):
        decoder_spec(tmp_path, merge=merge)
