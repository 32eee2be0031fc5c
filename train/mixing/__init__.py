"""Mixing of training batches: each way keeps to labels that are true of what the network sees."""

from seg.train.mixing.mix import mix, mixing_method, mixing_seed
from seg.train.mixing.mixed_batch import MixedBatch

__all__ = ["MixedBatch", "mix", "mixing_method", "mixing_seed"]
