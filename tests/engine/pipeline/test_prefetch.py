"""Reading ahead: how many threads, and that order and images do not depend on them."""

import numpy as np
import pytest

from seg.engine.pipeline.prefetch import PrefetchReader, prefetch_threads_for
from seg.engine.pipeline.timing import Clock
from seg.labels.label_map import ImageHWC


@pytest.mark.parametrize(("cores", "threads"), [(1, 2), (2, 2), (4, 2), (16, 5), (96, 8)])
def test_more_cores_have_more_readers_up_to_what_may_wait(cores: int, threads: int) -> None:
    assert prefetch_threads_for(cores) == threads


@pytest.mark.parametrize("threads", [1, 5])
def test_images_come_in_order_from_any_number_of_threads(threads: int) -> None:
    def decode(number: int) -> ImageHWC:
        return np.full((2, 3, 3), number, dtype=np.uint8)

    found = list(PrefetchReader(decode, Clock(), threads=threads).read(range(20)))
    assert [number for number, _ in found] == list(range(20))
    assert all((image[:2, :3] == number).all() for number, image in found)
