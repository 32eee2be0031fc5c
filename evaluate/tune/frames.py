"""What passes found, each at the temperatures that mixtures ask for, and each made once."""

from collections.abc import Callable

from seg.labels import ProbabilitiesCHW
from seg.levels import LevelsCHW, from_levels
from seg.views import ViewName


class Frames:
    """Upright answers of all members and views for one frame."""

    def __init__(self, read: Callable[[int, ViewName], LevelsCHW]) -> None:
        self._read = read
        self._made: dict[tuple[int, ViewName, float], ProbabilitiesCHW] = {}

    def get(self, member: int, view: ViewName, temperature: float) -> ProbabilitiesCHW:
        """Probabilities, float32 `[C, H, W]`."""
        key = member, view, temperature
        if key not in self._made:
            self._made[key] = from_levels(self._read(member, view), temperature)
        return self._made[key]
