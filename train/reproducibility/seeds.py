"""Seeds for everything that training draws, as functions of the recipe's seed, epoch and image."""

import numpy as np


def derive_seed(*parts: int) -> int:
    """A seed below 2**32 that follows from its parts alone, all at least 0.

    Source: numpy's `SeedSequence`, whose mixing is stable between versions.
    """
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
