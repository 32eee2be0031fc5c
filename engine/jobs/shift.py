"""Whether the images of a run differ from those that its ensemble was tuned on, by the classes predicted.

It is only said. If weights or factors changed with it, the labels of an image would depend on which other
images are predicted with it, and on when a run was interrupted. Where classes overlap, nothing is said.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np

from seg.engine.resolved import ResolvedEnsemble
from seg.engine.submissions.base import LabelsByRegion
from seg.errors import SpecError
from seg.labels.task import classes_overlap
from seg.spec.ensemble.tuned_on import class_shares_in_order, distance_of_class_shares

NAMED: Final = 3
"""The classes that are named, those whose shares differ most."""

ROWS: Final = 1024
"""Rows of a label map that are counted at once."""


class LabelShiftCheck:
    """Counts the labels of all images of a run while they are written, those of an earlier part included."""

    def __init__(self, resolved: ResolvedEnsemble) -> None:
        """Raises SpecError if `tuned_on` has a class that the models do not have."""
        self._names = [info.name for info in resolved.classes]
        has_one_class = not classes_overlap(resolved.spec.data.task)
        self._tuned_on = resolved.spec.tuned_on if has_one_class else None
        self._has_factors = bool(resolved.spec.class_factors)
        self._pixels_c = np.zeros(len(self._names), np.int64)
        named = self._tuned_on.classes if self._tuned_on else {}
        unknown = next((name for name in named if name not in self._names), None)
        if unknown is not None:
            raise SpecError(f"tuned_on: there is no class {unknown!r}: run seg tune again")

    def count(self, images: Iterable[LabelsByRegion]) -> Iterator[LabelsByRegion]:
        """The same images, counted as they pass by."""
        for image_id, labels in images:
            if self._tuned_on is not None:
                for top in range(0, labels.shape[0], ROWS):
                    counts = np.bincount(labels[top : top + ROWS, :].ravel(), minlength=len(self._names))
                    self._pixels_c += counts[: len(self._names)]
            yield image_id, labels

    def finding(self) -> str:
        """What differs, in a line; empty if nothing is known, or no more than groups that were tuned on."""
        if self._tuned_on is None or not self._pixels_c.any():
            return ""
        here = (self._pixels_c / self._pixels_c.sum()).tolist()
        there = class_shares_in_order(self._tuned_on.classes, self._names)
        distance = distance_of_class_shares(here, there)
        if distance <= self._tuned_on.spread:
            return ""
        most = np.argsort(-np.abs(np.subtract(here, there)), kind="stable")[:NAMED].tolist()
        changes = ", ".join(f"{self._names[c]} {there[c]:.1%} -> {here[c]:.1%}" for c in most)
        advice = "try it without class_factors, or tune" if self._has_factors else "tune"
        return (
            f"these images differ from those that were tuned on: {distance:.1%} of the pixels have another"
            f" class, where groups of those differ by {self._tuned_on.spread:.1%} at most ({changes}): what"
            f" was fitted may not hold: {advice} on labelled images like these"
        )
