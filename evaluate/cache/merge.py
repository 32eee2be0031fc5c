"""Merging cached passes of an image in a mixture, with the engine's own merges."""

import functools
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Protocol

from seg.engine.merging.decoder_grid import DecoderMerge
from seg.engine.merging.merges import Merge, new_merge
from seg.engine.passes.merge_shares import merge_shares_by_class
from seg.engine.passes.passes import PassOrder, PlannedPass
from seg.engine.passes.tiles import TileBlender, TileLayout
from seg.engine.passes.views import VIEWS
from seg.engine.pipeline.collectors import ProbabilityCollector
from seg.engine.runtimes.decoder_cut import Decoder
from seg.evaluate.cache.mixture import Mixture
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.probability_codec import (
    LevelsCHW,
    probabilities_from_levels,
    probabilities_to_levels,
    sigmoid_probabilities_from_levels,
)
from seg.labels.task import Task, classes_overlap
from seg.views import ViewName

Coverage = tuple[tuple[float, ...], ...]
"""See `EnsembleSpec.coverage_of`."""


class CachedImage(Protocol):
    """All cached passes of one image."""

    def merged(self, mixture: Mixture) -> ProbabilitiesCHW:
        """Probabilities float32 `[C, H, W]`, at the size of the image."""
        ...

    def levels(self, member: int, view: ViewName) -> LevelsCHW:
        """The levels of one pass, at the size of the image and a temperature of 1, uint8 `[C, H, W]`."""
        ...


class FullSizeCachedImage:
    """An image whose passes are stored and merged at its own size.

    `read` returns levels in the image's orientation by member and view, uint8 `[C, H, W]`. `coverage` has for
    each member 1 or 0 for each class, or nothing if it knows all.
    """

    def __init__(
        self,
        read: Callable[[int, ViewName], LevelsCHW],
        coverage: Coverage = (),
        task: Task = "multiclass",
    ) -> None:
        decode = _decoder_of_levels(task)

        def probabilities(member: int, view: ViewName, temperature: float) -> ProbabilitiesCHW:
            return decode(read(member, view), temperature)

        self.levels = read
        self._task = task
        self._coverage = coverage
        self._probabilities = functools.cache(probabilities)

    def merged(self, mixture: Mixture) -> ProbabilitiesCHW:
        return _merge_cached_passes(mixture, self._probabilities, self._new_merge)

    def _new_merge(self, mixture: Mixture, first_chw: ProbabilitiesCHW) -> Merge:
        classes, height, width = first_chw.shape
        pass_order = _pass_order_of_mixture(mixture, self._coverage)
        return new_merge(mixture.merge, pass_order, classes, (height, width), self._task, mixture.stacking)


class LowResolutionCachedImage:
    """An image whose low-resolution passes are stored and merged tile by tile.

    `read` returns levels in the image's orientation by member and view, uint8 `[T C, h, w]`: the classes of
    one tile after another. The other arguments are those of `FullSizeCachedImage`.
    """

    def __init__(
        self,
        read: Callable[[int, ViewName], LevelsCHW],
        layout: TileLayout,
        decoders: Sequence[Decoder],
        coverage: Coverage = (),
        task: Task = "multiclass",
    ) -> None:
        read = functools.cache(read)
        decode = _decoder_of_levels(task)

        def probabilities(tile: int, member: int, view: ViewName, temperature: float) -> ProbabilitiesCHW:
            levels = read(member, view)
            classes = len(levels) // layout.count
            return decode(levels[tile * classes : (tile + 1) * classes], temperature)

        self._probabilities = functools.cache(probabilities)
        self._layout = layout
        self._decoders = decoders
        self._coverage = coverage
        self._task = task

    def merged(self, mixture: Mixture) -> ProbabilitiesCHW:
        size_hw = self._layout.rows.extent, self._layout.columns.extent
        whole = ProbabilityCollector[ProbabilitiesCHW](size_hw, lambda merged_chw: merged_chw)
        blender = TileBlender(self._layout, whole.add)
        for tile in range(self._layout.count):
            probabilities = functools.partial(self._probabilities, tile)
            blender.add(tile, _merge_cached_passes(mixture, probabilities, self._new_merge))
        (merged_chw,) = whole.finish()
        return merged_chw

    def levels(self, member: int, view: ViewName) -> LevelsCHW:
        return probabilities_to_levels(self.merged(Mixture.single(member, [(view,)] * len(self._decoders))))

    def _new_merge(self, mixture: Mixture, first_chw: ProbabilitiesCHW) -> Merge:
        pass_order = _pass_order_of_mixture(mixture, self._coverage)
        return DecoderMerge(pass_order, self._decoders, len(first_chw), self._layout.tile_hw, self._task)


def _decoder_of_levels(task: Task) -> Callable[[LevelsCHW, float], ProbabilitiesCHW]:
    return sigmoid_probabilities_from_levels if classes_overlap(task) else probabilities_from_levels


def passes_of_mixture(mixture: Mixture) -> list[tuple[int, ViewName]]:
    """The member and view of every pass of the mixture."""
    return [(member, view) for member in mixture.members for view in mixture.views[member]]


def _merge_cached_passes(
    mixture: Mixture,
    probabilities: Callable[[int, ViewName, float], ProbabilitiesCHW],
    new_merge_for: Callable[[Mixture, ProbabilitiesCHW], Merge],
) -> ProbabilitiesCHW:
    passes = (probabilities(m, view, mixture.temperature(m)) for m, view in passes_of_mixture(mixture))
    first_chw = next(passes)
    merge = new_merge_for(mixture, first_chw)
    for position, probabilities_chw in enumerate(chain([first_chw], passes)):
        merge.add(position, probabilities_chw)
    return merge.merged()


def _pass_order_of_mixture(mixture: Mixture, coverage: Coverage = ()) -> PassOrder:
    """The passes of a mixture; their probabilities are already in the image's orientation."""
    members = mixture.members
    factors = [
        _weights_of_known_classes(mixture.class_weights_of(m), coverage[m] if coverage else ())
        for m in members
    ]
    own = merge_shares_by_class([mixture.weights[m] for m in members], factors)
    shares = dict(zip(members, own, strict=True))
    return [
        PlannedPass(
            member,
            VIEWS["identity"],
            mixture.weights[member] / len(mixture.views[member]),
            tuple(share / len(mixture.views[member]) for share in shares[member]),
        )
        for member, _ in passes_of_mixture(mixture)
    ]


def _weights_of_known_classes(
    class_weights: tuple[float, ...], covered: tuple[float, ...]
) -> tuple[float, ...]:
    """Class weights, 0 for classes that a member does not know."""
    if not covered:
        return class_weights
    return tuple(a * b for a, b in zip(class_weights or (1.0,) * len(covered), covered, strict=True))
