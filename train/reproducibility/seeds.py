"""Seeds for all random numbers of training, derived from the recipe's seed, the epoch and the image."""

import numpy as np


def derive_seed(*parts: int) -> int:
    """A seed below 2**32, determined by its parts, which are at least 0.

    Source: numpy's `SeedSequence`, whose output is stable between versions.
    """
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
