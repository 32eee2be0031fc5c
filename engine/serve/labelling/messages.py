"""What the HTTP process and the engine process send each other."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from seg.engine.serve.labelling.memory import MemoryBudget
from seg.image_type import ImageType
from seg.labels.classes import ClassInfo
from seg.labels.task import Task as ClassTask
from seg.labels.task import label_dtype
from seg.pixel_range import PixelRange

Result = Literal["png", "rle", "overlay", "page", "json", "binary"]
"""What becomes of label maps; `json` and `binary` are those of the Open Inference Protocol."""


@dataclass(frozen=True, slots=True)
class LabellingTask:
    """Images to label, whose pixels follow, `[N, H, W, B]`.

    Attributes:
        number: by which it is cancelled, and its result is known.
        request_id: what the client calls its request.
    """

    number: int
    result: Result
    shape: tuple[int, ...]
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class CancelTask:
    """Nobody waits for a task any more."""

    number: int


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """A member, the share of its vote, and its views."""

    name: str
    share: float
    views: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What the engine process says once it is ready; notes are for the user, a line each."""

    notes: tuple[str, ...]
    classes: tuple[ClassInfo, ...]
    task: ClassTask
    members: tuple[MemberFacts, ...]
    passes: int
    memory: MemoryBudget
    image_type: ImageType
    pixel_range: PixelRange | None

    @property
    def label_dtype(self) -> np.dtype[np.unsignedinteger[Any]]:
        """The type of label maps."""
        return label_dtype(self.task, len(self.classes))


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """What the engine works on, and what it has done so far."""

    waiting: int = 0
    begun: int = 0
    passes: int = 0
    stage_seconds: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class TaskDone:
    """A task is done: its encoded result follows, with these headers."""

    number: int
    headers: dict[str, str]
    figures: EngineFigures


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """A task is over without a result; the line says why."""

    number: int
    line: str
    figures: EngineFigures
