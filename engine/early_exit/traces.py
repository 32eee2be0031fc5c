"""Traces: records of images that ran all passes, and the risk of stopping them earlier."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from seg.engine.early_exit.rules import RecordedMargins, Rule, TileMargins, uncertainty_level
from seg.spec.ensemble.prediction import DOUBT_LEVELS

DIGITS: Final = 6
"""Digits of a risk in a spec."""

MEASURED_LEVELS: Final = tuple(range(0, len(DOUBT_LEVELS), 3))
"""Positions of the levels of doubt that are measured; one in between has the risk of the next above."""

Units = Literal["images", "tiles"]
"""What counts as one in a calibration."""


@dataclass(frozen=True, slots=True)
class PassTrace:
    """The record of one image that ran all passes.

    Images of one `group` resemble one another, and count as one; without it, an image is alone.
    `checkpoints` are numbers of passes; `margins[k]` and `losses[k]` belong to checkpoint k. A loss is the
    share of labels that differs from the final ones.
    """

    passes: int
    checkpoints: tuple[int, ...]
    margins: tuple[RecordedMargins, ...]
    losses: tuple[float, ...]
    group: str | None = None

    def replay(self, rule: Rule) -> tuple[int, float]:
        """The number of passes after which the rule would have stopped, and the loss there."""
        for taken, now, loss in zip(self.checkpoints, self.margins, self.losses, strict=True):
            if rule.settles(now):
                return taken, loss
        return self.passes, 0.0

    def tile_risks(self) -> NDArray[np.float64]:
        """The risks of its only tile, the image, `[1, levels]`."""
        return np.array([self.risks()])

    def risks(self) -> list[float]:
        """For each level the largest loss from the first checkpoint on with at most its uncertain share."""
        risks = [0.0] * len(DOUBT_LEVELS)
        worst_later = 0.0
        for now, loss in reversed(list(zip(self.margins, self.losses, strict=True))):
            worst_later = max(worst_later, loss)
            level = uncertainty_level(now.uncertain_share)
            risks[level:] = [worst_later] * (len(DOUBT_LEVELS) - level)
        return risks


@dataclass(frozen=True, slots=True)
class TiledPassTrace:
    """The record of one image whose tiles ran all passes.

    Images of one `group` resemble one another. `passes` are those of all its tiles.

    Attributes:
        taken: passes of each tile, had it stopped at each of MEASURED_LEVELS, `[tiles, levels]`.
        differing: the labels that then differ from those of all passes, in each tile's part of the image,
            `[tiles, levels]`.
        pixels: of each tile's part of the image. The parts do not overlap.
    """

    passes: int
    taken: NDArray[np.int64]
    differing: NDArray[np.int64]
    pixels: NDArray[np.int64]
    group: str | None = None

    def replay(self, rule: Rule) -> tuple[int, float]:
        """The passes of all tiles that the rule would have stopped, and the loss of the image then."""
        for column, level in reversed(list(enumerate(MEASURED_LEVELS))):
            if rule.settles(TileMargins(DOUBT_LEVELS[level])):
                return int(self.taken[:, column].sum()), float(self._losses()[column])
        return self.passes, 0.0

    def risks(self) -> list[float]:
        """For each level the largest share of the image's labels that differ, there or at a lower one."""
        return list(_losses_at_all_levels(self._losses()))

    def tile_risks(self) -> NDArray[np.float64]:
        """The same for the part of each tile, `[tiles, levels]`."""
        return _losses_at_all_levels(self.differing / self.pixels[:, None])

    def _losses(self) -> NDArray[np.float64]:
        return np.asarray(self.differing.sum(axis=0) / self.pixels.sum())


def _losses_at_all_levels(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Losses that only grow with the level, at all levels in place of the measured ones."""
    growing = np.maximum.accumulate(losses, axis=-1)
    return np.asarray(growing[..., np.searchsorted(MEASURED_LEVELS, np.arange(len(DOUBT_LEVELS)))])


AnyTrace = PassTrace | TiledPassTrace
"""The record of one image, in one piece or in tiles."""


def estimate_risk(traces: Sequence[AnyTrace], units: Units = "images") -> tuple[float, ...]:
    """The mean risk over groups of images, or over tiles, at each level, rounded up."""
    return round_up_risk(np.concatenate(list(risks_by_group(traces, units).values())).mean(axis=0))


def risks_by_group(
    traces: Sequence[AnyTrace], units: Units = "images"
) -> dict[str | int, NDArray[np.float64]]:
    """The risks of the units of each group at each level, `[units, levels]`; an image without group is one.

    A group of images is one unit, with the mean risk over them; or each of their tiles is one.
    """
    listed: dict[str | int, list[AnyTrace]] = {}
    for number, trace in enumerate(traces):
        listed.setdefault(number if trace.group is None else trace.group, []).append(trace)
    if units == "tiles":
        return {
            group: np.concatenate([trace.tile_risks() for trace in of_group])
            for group, of_group in listed.items()
        }
    return {
        group: np.mean([trace.risks() for trace in of_group], axis=0, keepdims=True)
        for group, of_group in listed.items()
    }


def round_up_risk(risk: NDArray[np.float64]) -> tuple[float, ...]:
    """Round up to the number of digits in a spec."""
    return tuple(float(value) for value in np.ceil(risk * 10**DIGITS) / 10**DIGITS)
