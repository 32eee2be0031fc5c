"""Answers that stay on a device, held to the merge and the decision on the host.

The same suite runs on the CPU, as a device of ONNX Runtime, and on CUDA where there is a device.
"""

from collections.abc import Sequence

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seg.engine.merging.decision import Decision
from seg.engine.merging.device_graphs import DeviceOps
from seg.engine.merging.device_merge import DeviceMerge, SumOnDevice
from seg.engine.merging.merges import MeanMerge
from seg.engine.passes.device_values import AnswersOnDevice, Device
from seg.engine.passes.passes import Plan, PlannedPass
from seg.engine.passes.shares import class_shares
from seg.engine.passes.views import VIEWS
from seg.engine.runtimes import nvidia
from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.open import open_runtime
from seg.errors import MissingRuntimeError
from seg.labels import ProbabilitiesCHW
from seg.views import VIEW_NAMES
from tests.engine.conftest import CLASSES, MakeModel

ROUNDING = 2e-6
"""How far float32 sums of a plan may be off, one way and the other."""


def seen(planned: PlannedPass, upright_chw: ProbabilitiesCHW) -> ProbabilitiesCHW:
    """What a network would say in a pass's view."""
    planes = [planned.view.apply(plane_hw[..., None])[..., 0] for plane_hw in upright_chw]
    return np.ascontiguousarray(np.stack(planes))


def merge_both_ways(
    device_ops: DeviceOps, plan: Plan, said: Sequence[ProbabilitiesCHW]
) -> tuple[ProbabilitiesCHW, SumOnDevice]:
    """The first passes of a plan on the host and on the device, where each is a row amid others."""
    host = MeanMerge(plan, len(CLASSES), said[0].shape[1:])
    there = DeviceMerge(device_ops, plan)
    for position, answer_chw in enumerate(said):
        seen_chw = seen(plan[position], answer_chw)
        host.add(position, seen_chw)
        batch_nchw = np.stack(
            [seen_chw if row == position % 3 else np.ones_like(seen_chw) for row in range(3)]
        )
        value = onnxruntime.OrtValue.ortvalue_from_numpy(batch_nchw, device_ops.device)
        there.add(position, AnswersOnDevice(value)[position % 3])
    return host.merged(), there.merged()


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
    own = class_shares(shares, weights)
    plan = [
        PlannedPass(0, VIEWS[VIEW_NAMES[(seed + position) % 8]], share / sum(shares), mine)
        for position, (share, mine) in enumerate(zip(shares, own, strict=True))
    ]
    taken = len(plan) if by_class else max(1, len(plan) - dropped)
    said = [softmax(rng.normal(0, 2, (len(CLASSES), *size_hw))) for _ in range(taken)]
    expected, found = merge_both_ways(device_ops, plan, said)
    assert found.size_hw == size_hw
    labels_hw = found.labels(factors)
    assert labels_hw.dtype == np.uint8
    decision = Decision(factors=factors)
    is_sure_hw = decision.leads(expected) > ROUNDING
    np.testing.assert_array_equal(labels_hw[is_sure_hw], decision.labels(expected)[is_sure_hw])
    np.testing.assert_allclose(found.on_host(), expected, atol=ROUNDING)


@pytest.mark.parametrize("factors", [(), (0.5, 1.0, 2.0, 4.0)])
@pytest.mark.parametrize("size_hw", [(5, 7), (7, 5), (64, 33)])
def test_ties_go_to_the_lower_label(
    device_ops: DeviceOps, size_hw: tuple[int, int], factors: tuple[float, ...]
) -> None:
    """Sums of powers of two, so that what is equal is so to the last bit."""
    factors_c11 = np.array(factors or [1] * len(CLASSES), dtype=np.float32)[:, None, None]
    rng = np.random.default_rng(0)
    plan = [PlannedPass(0, VIEWS[view], 1 / 8) for view in VIEW_NAMES]
    said = [rng.integers(0, 2, (len(CLASSES), *size_hw)).astype(np.float32) / factors_c11 for _ in plan]
    expected, found = merge_both_ways(device_ops, plan, said)
    scores_chw = expected * factors_c11
    assert ((scores_chw == scores_chw.max(0)).sum(0) > 1).any()
    np.testing.assert_array_equal(found.labels(factors), scores_chw.argmax(0))
    np.testing.assert_array_equal(found.on_host(), expected)


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


@pytest.mark.skipif(nvidia.has_device(), reason="this machine has an NVIDIA device")
def test_a_device_is_refused_where_there_is_none() -> None:
    with pytest.raises(MissingRuntimeError, match="no NVIDIA device"):
        DeviceOps("cuda", len(CLASSES))
