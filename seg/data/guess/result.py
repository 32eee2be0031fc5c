"""The result of a guess: a folder's layout, its dataset YAML, and what is unsure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ONE_CLASS_A_PIXEL: Final = "if a pixel has one at most, set 'unlabelled: background' instead of 'task'"


@dataclass(frozen=True, slots=True)
class Guess:
    """A layout, the dataset YAML for it, and what is unsure.

    `dataset` has the keys of `DatasetSpec`, with paths as `Path`. It is empty where labels must be imported
    first, from that format. `sample` is the contest's sample submission. `recipe` has keys of the ensemble's
    recipe that such images need.
    """

    layout: str
    dataset: Mapping[str, Any] = field(default_factory=dict)
    unsure: tuple[str, ...] = ()
    import_format: str | None = None
    sample: Path | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> dict[str, Any]:
        """Keys of the ensemble's output, if there is a sample."""
        if self.sample is None:
            return {}
        labels = self.dataset.get("train", {}).get("labels")
        order = labels.get("order") if isinstance(labels, Mapping) else None
        return {"sample": self.sample} | ({"rle": {"order": order}} if order else {})
