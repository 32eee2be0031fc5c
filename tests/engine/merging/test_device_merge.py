"""Answers that stay on a device, held to the merge and the decision on the host.

The same suite runs on the CPU, as a device of ONNX Runtime, and on CUDA where there is a device.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seg.engine.merging import device_ops as device_ops_module
from seg.engine.merging.decision import Decision, decide_labels
from seg.engine.merging.device_merge import (
    DeviceMerge,
    DeviceSum,
    accumulate_on_device,
    results_of_device_merges,
)
from seg.engine.merging.device_ops import DeviceOps, FrameSum, view_indices
from seg.engine.merging.merges import MeanMerge
from seg.engine.passes.device_values import BatchOnDevice, Device, ProbabilitiesOnDevice
from seg.engine.passes.merge_shares import merge_shares_by_class
from seg.engine.passes.passes import PassOrder, PlannedPass
from seg.engine.passes.views import VIEWS
from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.open import open_runtime
from seg.errors import MissingRuntimeError
from seg.image_type import ImageType, PixelType
from seg.labels.label_map import LabelsHW, ProbabilitiesCHW
from seg.spec.ensemble.decision import ClassRule
from seg.views import VIEW_NAMES, ViewName
from tests.engine.tiny_models import CLASSES, MakeModel, write_band_model

ROUNDING = 2e-6
"""How far float32 sums of a plan may be off, one way and the other."""


def seen(planned: PlannedPass, upright_chw: ProbabilitiesCHW) -> ProbabilitiesCHW:
    """What a network would say in a pass's view."""
    planes = [planned.view.apply(plane_hw[..., None])[..., 0] for plane_hw in upright_chw]
    return np.ascontiguousarray(np.stack(planes))


def row_amid_others(
    device_ops: DeviceOps, position: int, seen_chw: ProbabilitiesCHW
) -> ProbabilitiesOnDevice:
    """What a network gave for one pass, as a row of a batch on the device."""
    batch_nchw = np.stack([seen_chw if row == position % 3 else np.ones_like(seen_chw) for row in range(3)])
    value = onnxruntime.OrtValue.ortvalue_from_numpy(batch_nchw, device_ops.device)
    return BatchOnDevice(value)[position % 3]


def merge_both_ways(
    device_ops: DeviceOps, pass_order: PassOrder, samples: Sequence[ProbabilitiesCHW]
) -> tuple[ProbabilitiesCHW, DeviceSum]:
    """The first passes of a plan on the host and on the device."""
    host = MeanMerge(pass_order, len(CLASSES), samples[0].shape[1:])
    there = DeviceMerge(device_ops, pass_order, samples[0].shape[1:])
    for position, answer_chw in enumerate(samples):
        seen_chw = seen(pass_order[position], answer_chw)
        host.add(position, seen_chw)
        there.add(position, row_amid_others(device_ops, position, seen_chw))
    accumulate_on_device([there])
    (merged,) = results_of_device_merges([there])
    return host.merged(), merged


def softmax(logits: NDArray[np.float64]) -> ProbabilitiesCHW:
    odds = np.exp(logits - logits.max(0))
    return np.asarray(odds / odds.sum(0), dtype=np.float32)


@given(
    shares=st.lists(st.floats(0.1, 9), min_size=1, max_size=10),
    size_hw=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    seed=st.integers(0, 999),
    by_class=st.booleans(),
    factors=st.one_of(st.just(()), st.tuples(*[st.floats(0.1, 10)] * len(CLASSES))),
    dropped=st.integers(0, 3),
)
def test_sums_and_labels_are_those_of_the_host(
    device_ops: DeviceOps,
    shares: list[float],
    size_hw: tuple[int, int],
    seed: int,
    by_class: bool,
    factors: tuple[float, ...],
    dropped: int,
) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 5, (len(shares), len(CLASSES))).tolist() if by_class else [()] * len(shares)
    own = merge_shares_by_class(shares, weights)
    pass_order = [
        PlannedPass(0, VIEWS[VIEW_NAMES[(seed + position) % 8]], share / sum(shares), mine)
        for position, (share, mine) in enumerate(zip(shares, own, strict=True))
    ]
    taken = len(pass_order) if by_class else max(1, len(pass_order) - dropped)
    samples = [softmax(rng.normal(0, 2, (len(CLASSES), *size_hw))) for _ in range(taken)]
    expected, found = merge_both_ways(device_ops, pass_order, samples)
    assert found.size_hw == size_hw
    labels_hw = found.labels(factors)
    assert labels_hw.dtype == np.uint8
    decision = Decision(factors=factors)
    is_sure_hw = decision.margins(expected) > ROUNDING
    np.testing.assert_array_equal(labels_hw[is_sure_hw], decision.labels(expected)[is_sure_hw])
    np.testing.assert_allclose(found.on_host(), expected, atol=ROUNDING)


def test_classes_that_overlap_are_not_normalised(device_ops: DeviceOps) -> None:
    rng = np.random.default_rng(0)
    shares, size_hw, count = [2.0, 1.0], (7, 5), len(CLASSES)
    own = merge_shares_by_class(shares, rng.uniform(0.1, 5, (2, count)).tolist())
    pass_order = [PlannedPass(n, VIEWS["rot90"], shares[n] / 3, own[n]) for n in range(2)]
    samples = [rng.random((count, *size_hw), dtype=np.float32) for _ in range(2)]
    there = DeviceMerge(device_ops, pass_order, size_hw, "multilabel")
    for position, sample_chw in enumerate(samples):
        seen_chw = seen(pass_order[position], sample_chw)
        there.add(position, row_amid_others(device_ops, position, seen_chw))
    accumulate_on_device([there])
    (found,) = results_of_device_merges([there])
    expected = np.einsum("nc,nchw->chw", own, samples)
    labels_hw = Decision(task="multilabel").labels(found)
    np.testing.assert_array_equal(labels_hw, Decision(task="multilabel").labels(expected))
    np.testing.assert_allclose(found.on_host(), expected, atol=ROUNDING)
    assert abs(expected.sum(0) - 1).max() > 0.1


@pytest.mark.parametrize("count", [1, 3, 8, 9, 16, 17, 40, 63])
@pytest.mark.parametrize("are_ruled", [True, False])
def test_masks_of_classes_that_overlap_are_those_of_the_host(
    device: Device, count: int, are_ruled: bool
) -> None:
    """Of two frames at once, of which the second lacks passes; to the last bit, as both sums are."""
    rng = np.random.default_rng(count)
    ops = DeviceOps(device, count)
    pass_order = [PlannedPass(0, VIEWS[view], 1 / 8) for view in VIEW_NAMES]
    sizes, added = [(5, 7), (7, 5)], [8, 3]
    there = [DeviceMerge(ops, pass_order, size_hw, "multilabel") for size_hw in sizes]
    host = [MeanMerge(pass_order, count, size_hw, "multilabel") for size_hw in sizes]
    for number, passes in enumerate(added):
        for position in range(passes):
            # Sixteenths, so that no sum rounds and some are equal to a threshold.
            values_chw = rng.integers(0, 17, (count, *sizes[number])) / 16
            upright_chw = np.asarray(values_chw, dtype=np.float32)
            seen_chw = seen(pass_order[position], upright_chw)
            host[number].add(position, seen_chw)
            there[number].add(position, row_amid_others(ops, position, seen_chw))
    accumulate_on_device(there)
    rules = tuple(ClassRule(threshold=value / 16) for value in rng.integers(4, 13, count))
    decision = Decision(task="multilabel", rules=rules if are_ruled else ())
    for found, by_arrays in zip(results_of_device_merges(there), host, strict=True):
        labels_hw, expected_hw = decision.labels(found), decision.labels(by_arrays.merged())
        np.testing.assert_array_equal(labels_hw, expected_hw)
        assert labels_hw.dtype == expected_hw.dtype
        assert len(np.unique(expected_hw)) > 1


def test_each_frame_says_whether_its_own_sum_is_finite(device_ops: DeviceOps) -> None:
    pass_order = [PlannedPass(0, VIEWS["identity"], 1.0)]
    merges = [DeviceMerge(device_ops, pass_order, size_hw) for size_hw in ((3, 5), (2, 2), (5, 3))]
    for merge, odd in zip(merges, (0.5, np.nan, np.inf), strict=True):
        values_chw = np.ones((len(CLASSES), *merge.total.size_hw), np.float32)
        values_chw[1, 1, 1] = odd
        merge.add(0, row_amid_others(device_ops, 0, values_chw))
    accumulate_on_device(merges)
    assert [found.is_finite() for found in results_of_device_merges(merges)] == [True, False, False]


@pytest.mark.parametrize("factors", [(), (0.5, 1.0, 2.0, 4.0)])
@pytest.mark.parametrize("size_hw", [(5, 7), (7, 5), (64, 33)])
def test_ties_go_to_the_lower_label(
    device_ops: DeviceOps, size_hw: tuple[int, int], factors: tuple[float, ...]
) -> None:
    """Sums of powers of two, so that what is equal is so to the last bit."""
    factors_c11 = np.array(factors or [1] * len(CLASSES), dtype=np.float32)[:, None, None]
    rng = np.random.default_rng(0)
    pass_order = [PlannedPass(0, VIEWS[view], 1 / 8) for view in VIEW_NAMES]
    samples = [
        rng.integers(0, 2, (len(CLASSES), *size_hw)).astype(np.float32) / factors_c11 for _ in pass_order
    ]
    expected, found = merge_both_ways(device_ops, pass_order, samples)
    scores_chw = expected * factors_c11
    assert ((scores_chw == scores_chw.max(0)).sum(0) > 1).any()
    np.testing.assert_array_equal(found.labels(factors), scores_chw.argmax(0))
    np.testing.assert_array_equal(found.on_host(), expected)


@given(
    rows=st.lists(st.integers(1, 19), min_size=1, max_size=5),
    size_hw=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    seed=st.integers(0, 999),
    factors=st.one_of(st.just(()), st.tuples(*[st.floats(0.1, 10)] * len(CLASSES))),
)
def test_frames_of_a_batch_are_added_up_together_in_any_portions_to_the_last_bit(
    device_ops: DeviceOps, rows: list[int], size_hw: tuple[int, int], seed: int, factors: tuple[float, ...]
) -> None:
    """Frames that lie and that stand, with more rows than fit into one run; brought by one or one by one."""
    rng = np.random.default_rng(seed)
    pass_order = [
        PlannedPass(0, VIEWS[VIEW_NAMES[at % 8]], share) for at, share in enumerate(rng.dirichlet([1] * 19))
    ]
    sizes = [size_hw if number % 2 else size_hw[::-1] for number in range(len(rows))]
    once, singly = ([DeviceMerge(device_ops, pass_order, size) for size in sizes] for _ in range(2))
    host = [MeanMerge(pass_order, len(CLASSES), size) for size in sizes]
    passes = [(number, position) for number, count in enumerate(rows) for position in range(count)]
    for number, position in passes:
        upright_chw = softmax(rng.normal(0, 2, (len(CLASSES), *sizes[number])))
        seen_chw = seen(pass_order[position], upright_chw)
        host[number].add(position, seen_chw)
        for merges in (once, singly):
            merges[number].add(position, row_amid_others(device_ops, position, seen_chw))
        accumulate_on_device([singly[number]])
    accumulate_on_device(once)
    for a, b, by_arrays in zip(once, singly, host, strict=True):
        np.testing.assert_array_equal(a.total.value.numpy(), b.total.value.numpy())
        found_chw = a.total.value.numpy().reshape(by_arrays.sum_chw.shape)
        np.testing.assert_allclose(found_chw, by_arrays.sum_chw, atol=ROUNDING)
    together = [one.labels(factors) for one in results_of_device_merges(once)]
    alone = [results_of_device_merges([one])[0].labels(factors) for one in singly]
    for labels_hw, expected_hw, by_arrays in zip(together, alone, host, strict=True):
        np.testing.assert_array_equal(labels_hw, expected_hw)
        is_sure_hw = Decision(factors=factors).margins(by_arrays.sum_chw) > 10 * ROUNDING
        np.testing.assert_array_equal(
            labels_hw[is_sure_hw], decide_labels(by_arrays.sum_chw, None, factors)[is_sure_hw]
        )


def test_frames_that_end_together_are_decided_in_one_run(
    device_ops: DeviceOps, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    decide_all = DeviceOps.labels

    def counted(self: DeviceOps, sums: Sequence[FrameSum], factors: tuple[float, ...]) -> list[LabelsHW]:
        runs.append(len(sums))
        return decide_all(self, sums, factors)

    monkeypatch.setattr(DeviceOps, "labels", counted)
    pass_order = [PlannedPass(0, VIEWS["identity"], 1.0)]
    merges = [DeviceMerge(device_ops, pass_order, (3, 5)) for _ in range(4)]
    for merge in merges:
        merge.add(0, row_amid_others(device_ops, 0, np.ones((len(CLASSES), 3, 5), np.float32)))
    accumulate_on_device(merges)
    for one in results_of_device_merges(merges):
        assert not one.labels(()).any()
    assert runs == [4]


def test_beyond_the_kinds_of_batches_that_have_a_graph_frames_are_added_up_one_by_one(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_ops_module, "_MAX_SESSIONS", 1)
    ops = DeviceOps(device, len(CLASSES))
    pass_order = [PlannedPass(0, VIEWS["identity"], 1.0)]
    merges = [DeviceMerge(ops, pass_order, (3, 5)) for _ in range(4)]
    for merge in merges:
        merge.add(0, row_amid_others(ops, 0, np.ones((len(CLASSES), 3, 5), np.float32)))
    accumulate_on_device(merges)
    for merge in merges:
        np.testing.assert_array_equal(merge.total.value.numpy(), 1)


def test_threads_that_add_up_at_once_lose_nothing(device_ops: DeviceOps) -> None:
    """Each of four threads brings a pass to all frames; rows that one has noted another may add up."""
    pass_order = [PlannedPass(0, VIEWS["identity"], 1 / 4)] * 4
    ones_chw = np.ones((len(CLASSES), 3, 5), np.float32)
    for _ in range(20):
        merges = [DeviceMerge(device_ops, pass_order, (3, 5)) for _ in range(5)]

        def bring(position: int, merges: Sequence[DeviceMerge] = merges) -> None:
            for merge in merges:
                merge.add(position, row_amid_others(device_ops, position, ones_chw))
            accumulate_on_device(merges)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(bring, range(4)))
        for merge in merges:
            np.testing.assert_array_equal(merge.total.value.numpy(), 1)


@pytest.mark.parametrize("view", VIEW_NAMES)
@pytest.mark.parametrize("size_hw", [(1, 1), (3, 5), (5, 3), (4, 4)])
def test_places_are_those_that_a_view_takes_pixels_from(view: ViewName, size_hw: tuple[int, int]) -> None:
    counted_hw = np.arange(size_hw[0] * size_hw[1], dtype=np.int32).reshape(VIEWS[view].size(size_hw))
    down, across = view_indices(VIEWS[view], size_hw)
    np.testing.assert_array_equal(down + across, VIEWS[view].invert(counted_hw))


def test_every_view_is_turned_back(device_ops: DeviceOps) -> None:
    """One pass alone gives what it was given, to the last bit."""
    upright_chw = np.random.default_rng(0).random((len(CLASSES), 3, 5)).astype(np.float32)
    for view in VIEW_NAMES:
        _, found = merge_both_ways(device_ops, [PlannedPass(0, VIEWS[view], 1.0)], [upright_chw])
        np.testing.assert_array_equal(found.on_host(), upright_chw, err_msg=view)


def test_an_answer_that_stays_is_the_one_that_comes(make_model: MakeModel, device: Device) -> None:
    runtime = open_runtime(make_model(3), device, Streams(2, 1))
    images_nhwc = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
    there = runtime.run_on_device(images_nhwc)
    assert runtime.device == device
    assert there.value.device_name() == device
    np.testing.assert_array_equal(there.value.numpy(), runtime.run(images_nhwc))
    with pytest.raises(ValueError, match=r"expected uint8 \[N, H, W, 3\], received"):
        runtime.run_on_device(images_nhwc[0])


@pytest.mark.parametrize("pixels", ["uint16", "float32"])
def test_bands_of_any_type_go_the_same_way(device: Device, pixels: PixelType, tmp_path: Path) -> None:
    runtime = open_runtime(write_band_model(tmp_path, 3, ImageType(pixels, 5)), device, Streams(2, 1))
    images_nhwc = np.random.default_rng(0).integers(0, 10_000, (3, 20, 30, 5)).astype(pixels)
    np.testing.assert_array_equal(runtime.run_on_device(images_nhwc).value.numpy(), runtime.run(images_nhwc))


@pytest.mark.skipif(nvidia.has_nvidia_device(), reason="this machine has an NVIDIA device")
def test_a_device_is_refused_where_there_is_none() -> None:
    with pytest.raises(MissingRuntimeError, match="no NVIDIA device"):
        DeviceOps("cuda", len(CLASSES))
