"""Batch mixing: CutMix, MixUp and GridMask, which change images and labels together."""

from seg.train.mixing.mix import mix_batch, mixing_method, mixing_seed
from seg.train.mixing.mixed_batch import MixedBatch

__all__ = ["MixedBatch", "mix_batch", "mixing_method", "mixing_seed"]
