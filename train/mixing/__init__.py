"""Mixing of training batches: each way keeps to labels that are true of what the network sees."""

from seg.train.mixing.mix import mix, mixing_seed, way_of_mixing
from seg.train.mixing.mixed_batch import Mixed

__all__ = ["Mixed", "mix", "mixing_seed", "way_of_mixing"]
