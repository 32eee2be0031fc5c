"""How the weights of a file differ from those of a network: names too many, too few, and other shapes."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

_OPTIONAL: Final = "num_batches_tracked"
"""Files of PyTorch before 0.4.1 have none; evaluation does not use it."""


@dataclass(frozen=True, slots=True)
class WeightDifferences:
    """The names of weights, sorted: `missing` in the file, `unknown` to the network, `reshaped` in both."""

    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    reshaped: tuple[tuple[str, Shape, Shape], ...]

    def __len__(self) -> int:
        return len(self.missing) + len(self.unknown) + len(self.reshaped)

    def __str__(self) -> str:
        """The first of each kind, in one line; a missing name with the nearest that is unknown."""
        parts = []
        if self.missing:
            near = difflib.get_close_matches(self.missing[0], self.unknown, n=1, cutoff=0.5)
            nearest = f" (nearest: {near[0]!r})" if near else ""
            parts.append(f"lacks {self.missing[0]!r}{nearest}{_more_weights(self.missing)}")
        if self.unknown:
            parts.append(f"has {self.unknown[0]!r}{_more_weights(self.unknown)} in addition")
        if self.reshaped:
            name, given, wanted = self.reshaped[0]
            parts.append(
                f"{name!r} has shape {list(given)} instead of {list(wanted)}{_more_weights(self.reshaped)}"
            )
        return ", ".join(parts)


def weight_differences(given: Shapes, wanted: Shapes) -> WeightDifferences:
    """Compare the shapes of a file's weights with those of a network."""
    return WeightDifferences(
        missing=tuple(sorted(_needed_weights(wanted.keys() - given.keys()))),
        unknown=tuple(sorted(_needed_weights(given.keys() - wanted.keys()))),
        reshaped=tuple(
            (name, given[name], wanted[name])
            for name in sorted(wanted.keys() & given.keys())
            if given[name] != wanted[name]
        ),
    )


def _needed_weights(names: Iterable[str]) -> Iterable[str]:
    return (name for name in names if not name.endswith(_OPTIONAL))


def _more_weights(names: tuple[object, ...]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""
