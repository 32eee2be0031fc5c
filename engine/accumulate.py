"""One image's answers, added up as they come, in the order of the plan.

The sum of floats depends on their order, and which batch a pass travels in depends on its company. So an
answer that comes before its turn waits: the same image gives the same bytes in any run.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from seg.engine.passes import Plan, Size

ProbabilitiesCHW = NDArray[np.float32]
"""Class probabilities, float32 `[C, H, W]`, which sum to 1 over C."""


class Accumulator:
    """The weighted mean of an image's passes; memory of one `[C, H, W]` and one `[H, W]` float32."""

    def __init__(self, plan: Plan, classes: int, size_hw: Size) -> None:
        self._plan = plan
        self._sum_chw: ProbabilitiesCHW = np.zeros((classes, *size_hw), dtype=np.float32)
        self._turned_hw = np.empty(size_hw, dtype=np.float32)
        self._early: dict[int, ProbabilitiesCHW] = {}
        self._added = 0

    @property
    def is_complete(self) -> bool:
        return self._added == len(self._plan)

    @property
    def merged(self) -> ProbabilitiesCHW:
        """The weighted mean; only once all passes are in.

        Raises:
            RuntimeError: passes are missing.
        """
        if not self.is_complete:
            raise RuntimeError(f"{self._added} of {len(self._plan)} passes are in")
        return self._sum_chw

    def add(self, position: int, probabilities_chw: ProbabilitiesCHW) -> None:
        """Take the answer of the pass at `position` of the plan, in the pass's own view."""
        self._early[position] = probabilities_chw
        while self._added in self._early:
            self._add_next(self._early.pop(self._added))

    def _add_next(self, probabilities_chw: ProbabilitiesCHW) -> None:
        planned = self._plan[self._added]
        for plane_hw, sum_hw in zip(probabilities_chw, self._sum_chw, strict=True):
            np.copyto(self._turned_hw, planned.view.invert(plane_hw))
            cv2.scaleAdd(self._turned_hw, planned.share, sum_hw, sum_hw)
        self._added += 1
