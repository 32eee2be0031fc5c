"""Deterministic training: the same run gives the same bytes, on a CPU always, on a GPU on request."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def deterministic_torch(seed: int, *, on_gpu: bool) -> Iterator[None]:
    """Seed torch and use its deterministic algorithms, on CUDA only if `on_gpu`; restored at the end.

    On CUDA they make resizing slow, and operations without a deterministic version run as usual.
    """
    before = torch.get_deterministic_debug_mode()
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        wanted = on_gpu or not torch.cuda.is_available()
        torch.use_deterministic_algorithms(mode=wanted, warn_only=True)
        memory.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.set_deterministic_debug_mode(before)
            memory.fill_uninitialized_memory = filled
