"""Which collector decides an image's labels: as a whole, strip by strip, or on all its probabilities."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from seg.data.images.raster import is_large
from seg.engine.merging.decision import Decision
from seg.engine.passes.passes import Size
from seg.engine.pipeline.collectors import (
    Collector,
    LabelCollector,
    ProbabilityCollector,
    StripCollector,
    StripResults,
)
from seg.labels.task import LabelMap

Key = TypeVar("Key")
Finished = TypeVar("Finished")


def new_label_collector(
    key: Key,
    size_hw: Size,
    classes: int,
    decision: Decision,
    finish: Callable[[Key, LabelMap], Finished],
    watch: Callable[[Key, int, int], None] | None = None,
    strips: StripResults[Key, Finished] | None = None,
) -> Collector[Finished]:
    """The collector for the labels of one image; `finish`, `watch` and `strips` are those of `label_all`.

    A decision that looks at regions needs all probabilities. Otherwise a large image is a result for each
    strip, if `strips` says what becomes of them, and any other image one label map.
    """
    if decision.needs_regions:
        return ProbabilityCollector(size_hw, lambda merged_chw: finish(key, decision.labels(merged_chw)))
    watch_rows = watch and partial(watch, key)
    if strips is not None and decision.grid_hw is None and is_large(size_hw):
        height = size_hw[0]
        finish_strip = partial(strips.finish, key)
        return StripCollector(height, strips.rows(key, height), decision, finish_strip, watch_rows)
    return LabelCollector(size_hw, classes, decision, partial(finish, key), watch_rows)
