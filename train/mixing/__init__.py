"""Mixing of training batches: each way keeps to labels that are true of what the network sees."""

from seg.train.mixing.mix import mix
from seg.train.mixing.mixed import Mixed

__all__ = ["Mixed", "mix"]
