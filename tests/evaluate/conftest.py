"""Answers of members that are known beforehand."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from seg.evaluate.tune.scorer import Scorer
from seg.views import ViewName
from tests.engine.conftest import make_model

__all__ = ["MakeScorer", "make_model", "make_scorer"]

MakeScorer = Callable[..., Scorer]

CLASSES = 4
PIXELS = 300


@pytest.fixture
def make_scorer() -> MakeScorer:
    """A scorer whose members know the truth with so much noise: `make_scorer([0.5, 2.0])`."""

    def make(
        noises: Sequence[float],
        views: tuple[ViewName, ...] = ("identity",),
        images: int = 12,
        seed: int = 0,
        harmful: dict[tuple[int, ViewName], float] | None = None,
    ) -> Scorer:
        random = np.random.default_rng(seed)
        labels_in = random.integers(0, CLASSES, (images, PIXELS)).astype(np.uint8)
        truth_icn = np.moveaxis(np.eye(CLASSES)[labels_in], -1, 1)
        answers = {}
        for member, noise in enumerate(noises):
            for view in views:
                spread = (harmful or {}).get((member, view), noise)
                powers_icn = np.exp(2 * truth_icn + random.normal(0, spread, truth_icn.shape))
                probabilities_icn = powers_icn / powers_icn.sum(1, keepdims=True)
                answers[member, view] = np.rint(255 * probabilities_icn).astype(np.uint8)
        names = tuple(f"member{member}" for member in range(len(noises)))
        return Scorer(names, (views,) * len(noises), labels_in, answers)

    return make
