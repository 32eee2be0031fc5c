"""On a CPU, the same run twice gives the same bytes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Seed torch and, on a CPU, use its deterministic algorithms; undone at the end.

    On CUDA they are slow where a network resizes its features, and some operations have none.
    """
    before = torch.get_deterministic_debug_mode()
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(mode=not torch.cuda.is_available(), warn_only=True)
        memory.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_deterministic_debug_mode(before)
            memory.fill_uninitialized_memory = filled
