"""The ensemble with answers that stay on a device, held to itself with answers that come to the host.

The same suite runs on the CPU, as a device of ONNX Runtime, and on CUDA where there is a device.
"""

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seg.engine import Ensemble, load
from seg.engine.jobs.explain import explain_ensemble
from seg.engine.jobs.stopping import build_stopping
from seg.engine.load import choose_member_runtimes
from seg.engine.member import Member
from seg.engine.merging.device_merge import DeviceSum
from seg.engine.merging.device_ops import DeviceOps
from seg.engine.passes.device_values import BatchOnDevice, Device
from seg.engine.passes.passes import PassOrder, PlannedPass
from seg.engine.passes.views import VIEWS
from seg.engine.resolved import resolve_ensemble
from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo, Streams
from seg.engine.runtimes.nvidia import nvidia
from seg.engine.runtimes.nvidia.nvidia import CudaOptions
from seg.engine.runtimes.open import open_runtime
from seg.engine.runtimes.ort import OrtRuntime
from seg.labels.label_map import ImageHWC, LabelsHW, ProbabilitiesCHW
from seg.models.model_file import read_model_card
from seg.spec import load_ensemble
from seg.spec.ensemble.decision import ClassRule
from seg.spec.ensemble.prediction import RuntimeName, StoppingSpec, TileSpec
from seg.views import VIEW_SETS
from tests.engine.tiny_images import images_of_sizes
from tests.engine.tiny_models import CLASSES, MakeModel, write_model

ROUNDING = 2e-6
"""How far float32 sums of a plan may be off, one way and the other."""


class Hesitant(Runtime):
    """A runtime whose answers take a random while."""

    def __init__(self, inner: Runtime, seed: int) -> None:
        self._inner = inner
        self._random = random.Random(seed)

    @property
    def device(self) -> Device | None:
        return self._inner.device

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        raise AssertionError("an answer came to the host")

    def _infer_on_device(self, images_nhwc: ImagesNHWC) -> BatchOnDevice:
        time.sleep(self._random.random() / 200)
        return self._inner.run_on_device(images_nhwc)

    def placement(self, images_nhwc: ImagesNHWC) -> Placement:
        return self._inner.placement(images_nhwc)

    def describe(self) -> RuntimeInfo:
        return replace(self._inner.describe(), streams=Streams(4, 1))


@pytest.fixture(scope="module")
def on_host(make_model: MakeModel, device: Device) -> Ensemble:
    """Two members of unequal weight for each class, in all views, whose answers come to the host."""
    members = tuple(
        Member(model.stem, open_runtime(model, device), read_model_card(model), weight, VIEW_SETS["d4"], own)
        for model, weight, own in [(make_model(1), 1.0, (1.0, 3.0, 1.0, 0.5)), (make_model(2), 2.0, ())]
    )
    return Ensemble(members, batch_size=4)


Labels = dict[int, LabelsHW]


def labels_of(ensemble: Ensemble, pictures: Sequence[ImageHWC], **how: Any) -> Labels:
    return dict(ensemble.label_all(enumerate(pictures), lambda key, labels_hw: (key, labels_hw), **how))


def assert_same(found: Labels, expected: Labels) -> None:
    assert found.keys() == expected.keys()
    for key, labels_hw in expected.items():
        np.testing.assert_array_equal(found[key], labels_hw)


@pytest.fixture
def brought_to_host(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts how often probabilities leave the device."""
    counter: Counter[str] = Counter()
    original = DeviceSum.on_host

    def counted(self: DeviceSum) -> ProbabilitiesCHW:
        counter["sums"] += 1
        return original(self)

    monkeypatch.setattr(DeviceSum, "on_host", counted)
    return counter


@pytest.mark.parametrize("factors", [(), (3.0, 1.0, 0.5, 2.0)])
def test_only_labels_come_back(
    on_host: Ensemble, device_ops: DeviceOps, brought_to_host: Counter[str], factors: tuple[float, ...]
) -> None:
    pictures = images_of_sizes()
    ensemble = replace(on_host, factors=factors)
    expected = labels_of(ensemble, pictures)
    assert_same(labels_of(replace(ensemble, device_ops=device_ops), pictures), expected)
    same_size = [picture for picture in pictures if picture.shape[:2] == (5, 7)]
    on_its_own_grid = labels_of(replace(ensemble, device_ops=device_ops), same_size, grid_hw=(5, 7))
    assert_same(on_its_own_grid, labels_of(ensemble, same_size))
    assert not brought_to_host


def test_a_grid_and_tiles_take_each_sum_once(
    on_host: Ensemble, device_ops: DeviceOps, brought_to_host: Counter[str]
) -> None:
    pictures = images_of_sizes()
    expected = labels_of(on_host, pictures, grid_hw=(4, 3))
    assert_same(labels_of(replace(on_host, device_ops=device_ops), pictures, grid_hw=(4, 3)), expected)
    assert brought_to_host["sums"] == len(pictures)
    large = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    tiled = replace(on_host, tile=TileSpec(size=(10, 10), overlap=0.0))
    assert_same(labels_of(replace(tiled, device_ops=device_ops), [large]), labels_of(tiled, [large]))
    assert brought_to_host["sums"] == len(pictures) + 6


def test_masks_are_decided_on_the_device_unless_regions_are_looked_at(
    tmp_path: Path, device: Device, device_ops: DeviceOps, brought_to_host: Counter[str]
) -> None:
    models = [write_model(tmp_path, seed, task="multilabel") for seed in (1, 2)]
    opened = partial(open_runtime, name=device, task="multilabel")
    members = tuple(
        Member(one.stem, opened(one), read_model_card(one), 1.0, VIEW_SETS["flips"]) for one in models
    )
    pictures, host = images_of_sizes(), Ensemble(members, batch_size=4)
    assert_same(labels_of(replace(host, device_ops=device_ops), pictures), labels_of(host, pictures))
    assert not brought_to_host
    ruled = replace(host, rules=(ClassRule(least_area=3),) * len(CLASSES))
    assert_same(labels_of(replace(ruled, device_ops=device_ops), pictures), labels_of(ruled, pictures))
    assert brought_to_host["sums"] == len(pictures)


def test_probabilities_are_those_of_the_host(on_host: Ensemble, device_ops: DeviceOps) -> None:
    for image_hwc in images_of_sizes():
        expected = on_host.predict(image_hwc)
        found = replace(on_host, device_ops=device_ops).predict(image_hwc)
        np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=ROUNDING)
        np.testing.assert_array_equal(found.labels, expected.labels)


def test_sums_do_not_depend_on_the_order_of_answers(on_host: Ensemble, device_ops: DeviceOps) -> None:
    """Bit by bit, with four batches under way at once, whichever comes first."""
    pictures = images_of_sizes()
    runs = []
    for seed in range(3):
        members = tuple(replace(m, runtime=Hesitant(m.runtime, seed)) for m in on_host.members)
        ensemble = replace(on_host, members=members, device_ops=device_ops)
        runs.append(dict(ensemble.predict_all(enumerate(pictures), lambda key, merged: (key, merged.copy()))))
    for key in range(len(pictures)):
        np.testing.assert_array_equal(runs[0][key], runs[1][key])
        np.testing.assert_array_equal(runs[0][key], runs[2][key])


def test_a_judge_and_scales_have_sums_on_the_host(on_host: Ensemble, device_ops: DeviceOps) -> None:
    ensemble = replace(on_host, device_ops=device_ops)
    pass_order: PassOrder = [PlannedPass(0, VIEWS["identity"], 0.5), PlannedPass(0, VIEWS["hflip"], 0.5)]
    scaled: PassOrder = [PlannedPass(0, VIEWS["identity"], 0.5), PlannedPass(0, VIEWS["scale2"], 0.5)]
    assert ensemble.device_ops_for(pass_order, has_monitor=False) is device_ops
    assert ensemble.device_ops_for(pass_order, has_monitor=True) is None
    assert ensemble.device_ops_for(scaled, has_monitor=False) is None
    pictures = images_of_sizes()
    stopping = build_stopping(StoppingSpec(), ensemble)
    assert_same(labels_of(ensemble, pictures, stopping=stopping), labels_of(on_host, pictures))
    both = ensemble.with_views(("identity", "scale2"))
    assert_same(labels_of(both, pictures), labels_of(replace(both, device_ops=None), pictures))


def test_a_runtime_without_a_device_says_so(on_host: Ensemble) -> None:
    class Elsewhere(Hesitant):
        device = None
        _infer_on_device = Runtime._infer_on_device

    with pytest.raises(NotImplementedError, match="copies its probabilities to the host"):
        Elsewhere(on_host.members[0].runtime, 0).run_on_device(images_of_sizes()[0][None])


@pytest.fixture
def as_if_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runtimes that say they leave answers on CUDA, and leave them on the CPU; proves nothing of a device."""
    monkeypatch.setattr(OrtRuntime, "device", "cuda")
    monkeypatch.setattr(load, "DeviceOps", lambda _, classes: DeviceOps("cpu", classes))


def test_a_spec_on_one_device_merges_there(
    project: Path, as_if_on_cuda: None, brought_to_host: Counter[str]
) -> None:
    ensemble = Ensemble.load(load_ensemble(project))
    assert ensemble.device_ops is not None
    pictures = images_of_sizes()
    assert_same(labels_of(ensemble, pictures), labels_of(replace(ensemble, device_ops=None), pictures))
    assert not brought_to_host


def test_all_else_merges_on_the_host(
    project: Path, as_if_on_cuda: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load_ensemble(project)
    for change in ({"merge": "geometric"}, {"merge": "vote"}):
        assert Ensemble.load(spec.model_copy(update=change)).device_ops is None
    assert Ensemble.load(spec, memory=10**12).device_ops is None
    devices = iter(["cuda", "cpu"] * 2)
    monkeypatch.setattr(OrtRuntime, "device", property(lambda _: next(devices)))
    assert Ensemble.load(spec).device_ops is None


def test_the_cpu_merges_arrays_and_an_explanation_says_where(project: Path) -> None:
    spec = load_ensemble(project)
    assert Ensemble.load(spec).device_ops is None
    assert explain_ensemble(spec).merged_on == "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(not nvidia.is_nvidia_usable("cuda"), reason="no CUDA device that ONNX Runtime can use")
def test_a_spec_on_cuda_merges_on_cuda(project: Path) -> None:
    spec = load_ensemble(project).model_copy(update={"runtime": "cuda"})
    assert explain_ensemble(spec).merged_on == "cuda"


def test_whoever_chooses_cuda_is_warned_and_whoever_chooses_the_cpu_is_not(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(load, "notice", warned.append)
    spec = load_ensemble(project)
    choose_member_runtimes(resolve_ensemble(spec), Streams(1, 1))
    assert not warned
    on_cuda = resolve_ensemble(spec.model_copy(update={"runtime": "cuda"}))
    choose_member_runtimes(on_cuda, Streams(1, 1))
    (line,) = warned
    assert line.startswith("runtime: cuda: experimental")


def test_members_are_told_how_to_use_the_device(
    project: Path, as_if_on_cuda: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[CudaOptions] = []

    def opened(model: Path, name: RuntimeName, *_: object, cuda: CudaOptions, **__: object) -> Runtime:
        assert name == "cuda"
        told.append(cuda)
        return open_runtime(model, "cpu")

    monkeypatch.setattr(load, "open_runtime", opened)
    spec = load_ensemble(project).model_copy(update={"runtime": "cuda"})
    Ensemble.load(spec)
    assert told == [CudaOptions()] * 2, "images of two sizes"
    told.clear()
    Ensemble.load(spec.model_copy(update={"tile": TileSpec(size=(8, 8))}))
    assert told == [CudaOptions(fixed_shapes=True)] * 2
    told.clear()
    Ensemble.load(spec, memory=10**12)
    assert {options.memory for options in told} == {10**12 // 2}
