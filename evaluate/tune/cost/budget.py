"""The time budget of an image (`--budget`)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from seg.errors import SpecError
from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.tune.cost.sub_ensembles import SubEnsemble


@dataclass(frozen=True, slots=True)
class Budget:
    """Milliseconds an image (`50ms`), or a multiple of a pass of the fastest member (`5x`)."""

    amount: float
    unit: Literal["ms", "x"]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a budget; raises SpecError."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|x)", text.strip())
        if found is None or not float(found[1]):
            raise SpecError(
                f"--budget: must be milliseconds an image or times the fastest, above 0, such as 50ms or 5x,"
                f" got {text!r}"
            )
        return cls(float(found[1]), "ms" if found[2] == "ms" else "x")

    def best_of(self, front: Sequence[SubEnsemble], fastest_ms: float) -> Mixture:
        """The best mixture within the budget; raises SpecError if there is none."""
        most_ms = self.amount * (fastest_ms if self.unit == "x" else 1.0)
        affordable = [point for point in front if point.milliseconds <= most_ms]
        if not affordable:
            raise SpecError(
                f"--budget: {self.amount:g}{self.unit} is {most_ms:.1f} ms an image, but the cheapest member"
                f" takes {front[0].milliseconds:.1f} ms"
            )
        return max(affordable, key=lambda point: point.score).mixture
