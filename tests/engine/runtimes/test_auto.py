"""`runtime: auto` with runtimes whose speed and answers are known."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seg.engine.member_files import MemberFile
from seg.engine.runtimes import auto, profiling
from seg.engine.runtimes.auto import choose_runtimes
from seg.engine.runtimes.base import ImagesNHWC, Placement, ProbabilitiesNCHW, Runtime, RuntimeInfo, Streams
from seg.engine.runtimes.nvidia.nvidia import DEFAULT_OPTIONS, CudaOptions
from seg.engine.runtimes.open import open_runtime
from seg.errors import MissingRuntimeError, ModelError
from seg.labels.label_map import ImageHWC
from seg.labels.task import Task
from seg.models.card import PrecisionName
from seg.models.model_file import read_model_card
from seg.spec.ensemble.prediction import RuntimeName
from tests.engine.tiny_models import MakeModel

IMAGES: list[ImageHWC] = [np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8)]


class Staged(Runtime):
    """Answers as the CPU does, or wrongly, after a given time."""

    def __init__(self, model: Path, name: RuntimeName, streams: Streams, seconds: float, wrong: bool) -> None:
        self._inner = open_runtime(model, "cpu", streams)
        self._name: RuntimeName = name
        self._seconds = seconds
        self._wrong = wrong

    def _infer(self, images_nhwc: ImagesNHWC) -> ProbabilitiesNCHW:
        time.sleep(self._seconds)
        answer = self._inner.run(images_nhwc)
        return answer[:, ::-1].copy() if self._wrong else answer

    def placement(self, images_nhwc: ImagesNHWC) -> Placement:
        return self._inner.placement(images_nhwc)

    def describe(self) -> RuntimeInfo:
        return self._inner.describe()


def file_of(model: Path) -> MemberFile:
    card = read_model_card(model)
    return MemberFile(model, card, card, tuple(range(len(card.classes))))


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[RuntimeName]:
    """Four runtimes: the reference, one that fails, a fast one that is wrong, a slower one that is right.

    Returns what was opened.
    """
    opened: list[RuntimeName] = []

    def staged(
        model: Path, name: RuntimeName, streams: Streams, *, task: Task, cuda: CudaOptions = DEFAULT_OPTIONS
    ) -> Runtime:
        opened.append(name)
        if name == "cuda":
            raise ModelError("no such luck")
        seconds = {"cpu": 0.03, "openvino": 0.01, "openvino-bf16": 0.001}[name]
        return Staged(model, name, streams, seconds, wrong=name == "openvino-bf16")

    monkeypatch.setattr(auto, "open_runtime", staged)
    monkeypatch.setattr(auto, "usable_runtimes", lambda: ("cpu", "cuda", "openvino", "openvino-bf16"))
    monkeypatch.setattr(profiling, "TIMED_S", 0.05)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return opened


def test_the_fastest_that_agrees_is_taken_and_the_rest_is_told(
    stage: list[RuntimeName], make_model: MakeModel
) -> None:
    choice = choose_runtimes([file_of(make_model(1))], IMAGES, "auto")
    assert choice.runtimes == ("openvino",)
    (line,) = choice.summaries(["a"])
    assert line.startswith("a: openvino ")
    assert "cuda failed (no such luck)" in line
    assert line.index("openvino ") < line.index("cpu ") < line.index("openvino-bf16 ")


def test_a_verdict_is_remembered_for_the_same_models_only(
    stage: list[RuntimeName], make_model: MakeModel
) -> None:
    first = choose_runtimes([file_of(make_model(1))], IMAGES, "auto")
    stage.clear()
    assert choose_runtimes([file_of(make_model(1))], IMAGES, "auto") == first
    assert stage == []
    choose_runtimes([file_of(make_model(2))], IMAGES, "auto")
    assert stage


def test_without_a_place_to_remember_it_finds_out_anew(
    stage: list[RuntimeName], make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert choose_runtimes([file_of(make_model(1))], IMAGES, 1).runtimes == ("openvino",)


def test_streams_are_those_that_are_fastest_together(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A runtime that is better at one thing at a time."""

    def staged(
        model: Path, name: RuntimeName, streams: Streams, *, task: Task, cuda: CudaOptions = DEFAULT_OPTIONS
    ) -> Runtime:
        return Staged(model, name, streams, 0.002 if streams.count == 1 else 0.05, wrong=False)

    monkeypatch.setattr(auto, "open_runtime", staged)
    monkeypatch.setattr(auto, "usable_runtimes", lambda: ("cpu",))
    monkeypatch.setattr(auto, "usable_cores", lambda: 4)
    monkeypatch.setattr(profiling, "TIMED_S", 0.05)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert choose_runtimes([file_of(make_model(1))], IMAGES, 1).streams == Streams(1, 4)


class OnGpu(Staged):
    """A device that has room for 16 images, and may be told to keep channels last."""

    def __init__(self, model: Path, name: RuntimeName, streams: Streams, channels_last: bool) -> None:
        super().__init__(model, name, streams, 0.0, wrong=False)
        self.channels_last = channels_last


def milliseconds_on_gpu(runtime: Runtime, images_nhwc: ImagesNHWC) -> float:
    """10 for a batch and 1 for an image; half of it with channels last; 20 a pass on the CPU."""
    if not isinstance(runtime, OnGpu):
        return 20.0
    if len(images_nhwc) > 16:
        raise MissingRuntimeError("no room")
    return (10 / len(images_nhwc) + 1) * (0.5 if runtime.channels_last else 1)


@pytest.mark.parametrize(("precision", "faster"), [("fp32", ()), ("fp16", ("a",))])
def test_on_a_gpu_batches_and_layout_are_chosen_by_time(
    make_model: MakeModel,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    precision: PrecisionName,
    faster: tuple[str, ...],
) -> None:
    model = make_model(1)
    file = file_of(model)
    file = replace(file, card=file.card.model_copy(update={"precision": precision}))

    def staged(
        model: Path, name: RuntimeName, streams: Streams, *, task: Task, cuda: CudaOptions = DEFAULT_OPTIONS
    ) -> Runtime:
        if name == "cuda":
            return OnGpu(model, name, streams, cuda.channels_last)
        return Staged(model, name, streams, 0.0, wrong=False)

    monkeypatch.setattr(auto, "open_runtime", staged)
    monkeypatch.setattr(auto, "usable_runtimes", lambda: ("cpu", "cuda"))
    monkeypatch.setattr(auto, "milliseconds_per_pass", milliseconds_on_gpu)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    choice = choose_runtimes([file], IMAGES, "auto")
    assert (choice.runtimes, choice.batch_size) == (("cuda",), 16)
    assert choice.winners[0].channels_last == bool(faster)
    assert ("cuda with channels last" in choice.summaries(["a"])[0]) == bool(faster)
    assert choose_runtimes([file], IMAGES, 4).batch_size == 4
