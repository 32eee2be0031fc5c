"""Buffers for uploads: with ordinary memory here, with page-locked memory where there is a device."""

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
from numpy.typing import NDArray

from seg.engine import Ensemble
from seg.engine.member import Member
from seg.engine.pipeline import batch_runner
from seg.engine.runtimes.base import RuntimeInfo, Streams
from seg.engine.runtimes.nvidia import nvidia, pinned_memory
from seg.engine.runtimes.nvidia.pinned_memory import UploadBuffers, pinned_bytes
from seg.engine.runtimes.open import open_runtime
from seg.engine.runtimes.ort import OrtRuntime
from seg.errors import MissingRuntimeError
from seg.image_type import RGB8, ImageType, PixelType
from seg.models.model_file import read_model_card
from seg.views import VIEW_SETS
from tests.engine.tiny_images import images_of_sizes
from tests.engine.tiny_models import MakeModel

TWO = Streams(2, 1)


class Allocations:
    """Ordinary memory, full of ones, and how much of it was asked for."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(self, size: int) -> NDArray[np.uint8]:
        self.sizes.append(size)
        return np.full(size, 255, np.uint8)


@pytest.mark.parametrize(("pixels", "bands"), [("uint8", 3), ("uint16", 5), ("float32", 1)])
def test_a_thread_fills_its_batches_in_one_buffer(pixels: PixelType, bands: int) -> None:
    allocated = Allocations()
    buffers, image_type = UploadBuffers(allocated), ImageType(pixels, bands)
    large = buffers.blank(image_type, (2, 4, 6))
    np.testing.assert_array_equal(large, np.zeros((2, 4, 6, bands), pixels), strict=True)
    large += 1
    small = buffers.blank(image_type, (1, 6, 4))
    np.testing.assert_array_equal(small, np.zeros((1, 6, 4, bands), pixels), strict=True)
    assert small.flags.c_contiguous
    assert np.shares_memory(large, small)
    assert allocated.sizes == [large.nbytes]
    assert not np.shares_memory(large, buffers.blank(image_type, (3, 4, 6)))


def test_threads_share_no_buffer() -> None:
    buffers, together = UploadBuffers(Allocations()), Barrier(3)

    def fill(number: int) -> bool:
        batch = buffers.blank(RGB8, (2, 3, 3))
        together.wait()
        batch += np.uint8(number)
        together.wait()
        return bool((batch == number).all())

    with ThreadPoolExecutor(3) as pool:
        assert all(pool.map(fill, (1, 2, 3)))


def test_a_run_as_on_cuda_fills_its_batches_there(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the CPU were a GPU: batches lie in buffers, labels are the same; it proves nothing of a GPU."""
    members = tuple(
        Member(
            model.stem,
            open_runtime(model, "cpu", TWO),
            read_model_card(model),
            1.0,
            VIEW_SETS["d4"],
        )
        for model in (make_model(1), make_model(2))
    )
    pictures = images_of_sizes()

    def labels() -> dict[int, NDArray[np.uint8]]:
        found = Ensemble(members, batch_size=4).label_all(enumerate(pictures), lambda key, hw: (key, hw))
        return dict(found)

    expected, allocated = labels(), Allocations()
    monkeypatch.setattr(batch_runner, "UploadBuffers", lambda: UploadBuffers(allocated))
    info = RuntimeInfo("cuda", "a library", "CUDA", TWO, whole_batches=True)
    monkeypatch.setattr(OrtRuntime, "describe", lambda _: info)
    for key, labels_hw in labels().items():
        np.testing.assert_array_equal(labels_hw, expected[key])
    assert allocated.sizes


@pytest.mark.skipif(nvidia.has_nvidia_device(), reason="this machine has an NVIDIA device")
def test_what_cuda_refuses_is_one_line() -> None:
    if pinned_memory.cuda_runtime() is None:
        pytest.skip("CUDA's runtime is not installed")
    with pytest.raises(MissingRuntimeError, match=r"^runtime cuda: 2 MiB of page-.* refused: \w"):
        pinned_bytes(2**21)


def test_without_cudas_runtime_memory_is_ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned_memory, "cuda_runtime", lambda: None)
    assert pinned_bytes(7).shape == (7,)


@pytest.mark.gpu
@pytest.mark.skipif(not nvidia.is_nvidia_usable("cuda"), reason="no CUDA device that ONNX Runtime can use")
def test_a_model_reads_page_locked_memory(make_model: MakeModel, tmp_path: Path) -> None:
    runtime = open_runtime(make_model(1), "cuda", TWO)
    images_nhwc = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), dtype=np.uint8)
    for _ in range(3):
        locked_nhwc = UploadBuffers().blank(RGB8, (3, 20, 30))
        locked_nhwc[...] = images_nhwc
        np.testing.assert_array_equal(runtime.run(locked_nhwc), runtime.run(images_nhwc))
        del locked_nhwc
        gc.collect()
