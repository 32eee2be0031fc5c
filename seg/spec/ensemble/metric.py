"""What predictions are judged by: a contest's metric, the classes that count, and their weights."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from seg.spec.base import Spec, did_you_mean, path_beside
from seg.spec.ensemble.prediction import ByClass

KnownMetric = Literal[
    "miou", "dice", "iou", "dataset-dice", "dice+hausdorff", "boundary-iou", "pixel-accuracy"
]
MetricAtThresholds = Literal["iou", "region-iou"]

MOST_THRESHOLDS: Final = 100
_AT: Final = re.compile(r"(?P<name>iou|region-iou)@(?:(?P<one>[\d.]+)|\[(?P<several>[\d.]+:[\d.]+:[\d.]+)\])")
_EXAMPLES: Final = ("iou@[0.5:0.95:0.05]", "region-iou@[0.5:0.95:0.05]", "FILE.py:FUNCTION")


class AtThresholds(NamedTuple):
    """A metric of the share of hits at each threshold of IoU."""

    name: MetricAtThresholds
    thresholds: tuple[float, ...]


class OwnFunction(NamedTuple):
    """A function in a Python file of the user's."""

    file: Path
    function: str


class MetricSpec(Spec):
    """The metric of a contest. Its name alone is enough."""

    name: str
    """The metric.

    - `miou`: the mean over classes of the IoU of all pixels of the split.
    - `dataset-dice`: the same of Dice.
    - `dice`, `iou`: the mean over images and classes; 1 where truth and prediction are both empty.
    - `iou@[0.5:0.95:0.05]`: the share of these thresholds that the IoU of an image's class is above.
    - `region-iou@[0.5:0.95:0.05]`: at each threshold hits among hits, misses and false alarms, where each
      connected region is an object.
    - `dice+hausdorff`: 0.4 of Dice and 0.6 of 1 minus the Hausdorff distance as a share of the image's
      diagonal.
    - `boundary-iou`: the IoU of pixels near boundaries, of all pixels of the split.
    - `pixel-accuracy`: the share of pixels that are right.
    - `FILE.py:FUNCTION`: a function of yours, which gets truth and prediction as bool `[C, H, W]`.
    """
    without: tuple[str, ...] = ()
    """Classes that do not count."""
    class_weights: ByClass = Field(default_factory=dict)
    """Weights of classes in the mean, by name."""

    @field_validator("name")
    @classmethod
    def _is_known(cls, name: str, info: ValidationInfo) -> str:
        file, colon, function = name.rpartition(":")
        if colon and file.endswith(".py"):
            if not function.isidentifier():
                raise ValueError(f"{name!r} names no function: write FILE.py:FUNCTION")
            return f"{path_beside(file, info)}:{function}"
        if name not in get_args(KnownMetric) and _metric_at_thresholds(name) is None:
            raise ValueError(
                f"there is no metric {name!r}: {did_you_mean(name, (*get_args(KnownMetric), *_EXAMPLES))}"
            )
        return name

    @property
    def title(self) -> str:
        """How tables name it."""
        return metric_title(self.name)

    @property
    def classes_named(self) -> dict[str, Iterable[str]]:
        """The names of classes that it has, by their place in a spec."""
        return {"metric.without": self.without, "metric.class_weights": self.class_weights}

    @property
    def judges_images(self) -> bool:
        """Whether each image has a score of its own, so that it matters what counts as an image."""
        of_images = self.name in {"dice", "iou", "dice+hausdorff"}
        return of_images or self.at_thresholds is not None or self.own_function is not None

    @property
    def at_thresholds(self) -> AtThresholds | None:
        """The metric and its thresholds, if it has any."""
        return _metric_at_thresholds(self.name)

    @property
    def own_function(self) -> OwnFunction | None:
        """The user's function, if it is one."""
        return _own_metric_function(self.name)


def metric_title(name: str) -> str:
    """How tables name a metric."""
    if own := _own_metric_function(name):
        return f"{own.file.name}:{own.function}"
    return "mIoU" if name == "miou" else name


def _own_metric_function(name: str) -> OwnFunction | None:
    file, _, function = name.rpartition(":")
    return OwnFunction(Path(file), function) if file.endswith(".py") else None


def _metric_at_thresholds(name: str) -> AtThresholds | None:
    """The thresholds in a name such as `iou@0.5`; ValueError where they are out of range."""
    match = _AT.fullmatch(name)
    if match is None:
        return None
    metric: MetricAtThresholds = "iou" if match["name"] == "iou" else "region-iou"
    if match["one"]:
        thresholds = [_threshold_number(match["one"])]
    else:
        first, last, step = map(_threshold_number, match["several"].split(":"))
        if not (first < last and step > 0 and (last - first) / step < MOST_THRESHOLDS):
            raise ValueError(f"{name!r}: write [FIRST:LAST:STEP], at most {MOST_THRESHOLDS} thresholds")
        thresholds = [round(first + step * n, 9) for n in range(round((last - first) / step) + 1)]
    least = 0.5 if metric == "region-iou" else 0.0
    if not least <= thresholds[0] <= thresholds[-1] < 1:
        reason = ", so that no two regions hit the same one" if least else ""
        raise ValueError(f"{name!r}: thresholds are from {least:g} to below 1{reason}")
    return AtThresholds(metric, tuple(thresholds))


def _threshold_number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is no threshold") from error


def _metric_name_alone(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


MIOU: Final = MetricSpec(name="miou")

Metric = Annotated[MetricSpec, BeforeValidator(_metric_name_alone, json_schema_input_type=str | MetricSpec)]
"""Written as the name of a metric, or as a mapping."""
