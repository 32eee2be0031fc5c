"""Answers of members that are known beforehand."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from seg.data.images.images import write_image, write_mask
from seg.engine import Ensemble
from seg.evaluate.tune.scorer import PixelScorer
from seg.labels.classes import ClassInfo
from seg.labels.probability_codec import probabilities_to_levels
from seg.metrics.from_counts import CountedMetric, open_counted_metric
from seg.spec.ensemble.metric import MetricSpec
from seg.views import ViewName
from tests.engine.tiny_models import CLASSES as TINY_CLASSES
from tests.engine.tiny_models import MakeModel

MakeScorer = Callable[..., PixelScorer]

CLASSES = 4
PIXELS = 300


def counted(name: str, classes: int = CLASSES) -> CountedMetric:
    """A metric of so many classes, of which a pixel has one."""
    infos = [ClassInfo(id=number, name=f"c{number}", colour=(0, 0, 0)) for number in range(classes)]
    return open_counted_metric(MetricSpec(name=name), infos, "multiclass")


@pytest.fixture
def make_scorer() -> MakeScorer:
    """A scorer whose members know the truth with so much noise: `make_scorer([0.5, 2.0])`."""

    def make(
        noises: Sequence[float],
        views: tuple[ViewName, ...] = ("identity",),
        images: int = 12,
        seed: int = 0,
        harmful: dict[tuple[int, ViewName], float] | None = None,
        metric: str = "miou",
    ) -> PixelScorer:
        random = np.random.default_rng(seed)
        labels_in = random.integers(0, CLASSES, (images, PIXELS)).astype(np.uint8)
        truth_icn = np.moveaxis(np.eye(CLASSES)[labels_in], -1, 1)
        answers = {}
        for member, noise in enumerate(noises):
            for view in views:
                spread = (harmful or {}).get((member, view), noise)
                powers_icn = np.exp(2 * truth_icn + random.normal(0, spread, truth_icn.shape))
                probabilities_icn = powers_icn / powers_icn.sum(1, keepdims=True)
                answers[member, view] = probabilities_to_levels(probabilities_icn.astype(np.float32))
        names = tuple(f"member{member}" for member in range(len(noises)))
        return PixelScorer(names, (views,) * len(noises), labels_in, answers, counted(metric))

    return make


def write_labelled_project(folder: Path, make_model: MakeModel) -> Path:
    """Images labelled by the first of three tiny models; returns the spec."""
    random = np.random.default_rng(0)
    spec = {
        "data": {
            "train": {"images": "images", "masks": "masks"},
            "val": {"images": "images", "masks": "masks"},
            "classes": [c.name for c in TINY_CLASSES],
        },
        "members": [
            {"name": name, "model": str(make_model(seed))} for name, seed in (("a", 1), ("b", 2), ("c", 3))
        ],
        "views": "hflip",
        "runtime": "cpu",
    }
    path = folder / "spec.yaml"
    path.write_text(json.dumps(spec))
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for number in range(6):
        size_hw = (20, 14 + number)
        write_image(folder / f"images/{number}.png", random.integers(0, 256, (*size_hw, 3), dtype=np.uint8))
        write_mask(folder / f"masks/{number}.png", np.zeros(size_hw, dtype=np.uint8))
    oracle = Ensemble.load(path).only(["a"]).with_views(("identity",))
    for number in range(6):
        labels_hw = oracle.predict(folder / f"images/{number}.png").labels
        write_mask(folder / f"masks/{number}.png", labels_hw)
    return path
