"""The ensemble as one predictor."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from seg.classes import ClassInfo
from seg.data import read_image
from seg.engine.accumulate import ProbabilitiesCHW
from seg.engine.clock import Clock
from seg.engine.decide import decide
from seg.engine.members import Member, load_members
from seg.engine.stream import stream
from seg.labels import ImageHWC, LabelsHW
from seg.spec import EnsembleSpec, load_ensemble
from seg.views import ViewName

Key = TypeVar("Key")
Finished = TypeVar("Finished")


class Prediction(NamedTuple):
    """The answer for one image, at its own size.

    `labels` is uint8 `[H, W]`; `probabilities` is float32 `[C, H, W]` and sums to 1 over C.
    """

    labels: LabelsHW
    probabilities: ProbabilitiesCHW


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Members that are loaded and ready; makes no files."""

    members: tuple[Member, ...]
    batch_size: int

    @classmethod
    def load(cls, spec: EnsembleSpec | Path | str) -> Self:
        """Load all members of a spec, or of the YAML file at a path.

        Raises:
            SpecError, ModelError, MissingRuntimeError: one line that says what to mend.
        """
        if not isinstance(spec, EnsembleSpec):
            spec = load_ensemble(Path(spec))
        return cls(load_members(spec), spec.batch_size)

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self.members[0].card.classes

    def predict(self, image: ImageHWC | Path | str) -> Prediction:
        """Predict one image: RGB uint8 `[H, W, 3]`, or a file.

        Raises:
            DataError: the file cannot be read.
        """
        image_hwc = read_image(Path(image)) if isinstance(image, Path | str) else image
        return next(self.predict_all([(None, image_hwc)], lambda _, merged: _prediction(merged)))

    def predict_all(
        self,
        images: Iterable[tuple[Key, ImageHWC]],
        finish: Callable[[Key, ProbabilitiesCHW], Finished],
        clock: Clock | None = None,
    ) -> Iterator[Finished]:
        """Predict many images with passes batched across them; see `seg.engine.stream.stream`."""
        return stream(self.members, images, finish, batch_size=self.batch_size, clock=clock)

    def with_views(self, views: tuple[ViewName, ...]) -> Self:
        """The same loaded members, all with these views."""
        return replace(self, members=tuple(replace(m, views=views) for m in self.members))

    def only(self, names: Sequence[str]) -> Self:
        """The same loaded members, but only those named."""
        return replace(self, members=tuple(m for m in self.members if m.name in names))


def _prediction(merged: ProbabilitiesCHW) -> Prediction:
    return Prediction(decide(merged), merged)
