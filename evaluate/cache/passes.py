"""All passes of a labelled split, from the cache or computed by the engine."""

from dataclasses import dataclass
from typing import Final

from seg.data import Split
from seg.data.images.read_sample import open_sample
from seg.data.splits.content_hash import content_keys
from seg.engine import Ensemble
from seg.engine.passes.tiles import lay_out_tiles
from seg.engine.resolved import resolve_ensemble
from seg.evaluate.cache.compute import CachedModel, compute_passes, speed_of_cached_model
from seg.evaluate.cache.merge import CachedImage, Coverage, FullSizeCachedImage, LowResolutionCachedImage
from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.cache.store import DamagedPassError, PassKey, ProbabilityCache
from seg.labels.label_map import LabelsHW
from seg.labels.probability_codec import LevelsCHW
from seg.labels.task import classes_overlap
from seg.spec import EnsembleSpec
from seg.spec.ensemble.prediction import TileSpec
from seg.terminal.notices import notice
from seg.terminal.progress import progress
from seg.views import ViewName

TIMED: Final = 8
"""Images on which a member is timed if its speed is not cached."""


@dataclass(frozen=True, slots=True)
class CachedPasses:
    """The passes of all members and views over a labelled split, and their times.

    Attributes:
        names: of the members.
        views: of each member, from which tuning selects.
        milliseconds: wall time of one pass of each member.
        coverage: see `EnsembleSpec.coverage_of`; empty if all members know all classes.
        computed: the number of passes that were not in the cache.
        ensemble: all members, loaded.
    """

    names: tuple[str, ...]
    views: tuple[Views, ...]
    milliseconds: tuple[float, ...]
    coverage: Coverage
    split: Split
    computed: int
    ensemble: Ensemble
    _cache: ProbabilityCache
    _models: tuple[CachedModel, ...]
    _images: tuple[str, ...]

    @property
    def classes(self) -> int:
        return len(self.split.classes)

    @property
    def images(self) -> int:
        return len(self._images)

    @property
    def overlap(self) -> bool:
        """Whether classes overlap."""
        return classes_overlap(self.ensemble.task)

    def cached_image(self, image: int) -> CachedImage:
        """All passes of one image."""

        def read(member: int, view: ViewName) -> LevelsCHW:
            return self._levels(member, view, image)

        decoders = tuple(member.decoder for member in self.ensemble.members if member.decoder)
        if not decoders:
            return FullSizeCachedImage(read, self.coverage, self.ensemble.task)
        layout = lay_out_tiles(open_sample(self.split.samples[image]).shape[:2], self.ensemble.tile)
        return LowResolutionCachedImage(read, layout, decoders, self.coverage, self.ensemble.task)

    def labels(self, image: int) -> LabelsHW:
        return self.split.labels(image)

    def of_members(self, mixture: Mixture) -> Mixture:
        """The mixture itself: these are passes of the spec's members."""
        return mixture

    def _levels(self, member: int, view: ViewName, image: int) -> LevelsCHW:
        """A pass from the cache, computed again if it is damaged."""
        key = self._key(member, view, image)
        try:
            return self._cache.get(key)
        except (DamagedPassError, FileNotFoundError) as error:
            notice(f"{error}: it is computed again")
        wanted = [(self.split.samples[image], self._images[image])]
        compute_passes(self._cache, self.ensemble, self._models[member], view, wanted, lambda *_, **__: None)
        return self._cache.get(key)

    def _key(self, member: int, view: ViewName, image: int) -> PassKey:
        return self._models[member].key(view, self._images[image])


def open_cached_passes(spec: EnsembleSpec, split: Split, cache: ProbabilityCache) -> CachedPasses:
    """Compute the passes that are not in the cache, and time members without a cached speed.

    Raises:
        ModelError, MissingRuntimeError: a member cannot be loaded.
        DataError: an image cannot be read, or the split has no labels.
    """
    split.labels(0)  # Missing labels are reported before hours of passes.
    resolved = resolve_ensemble(_spec_of_passes(spec))
    ensemble = Ensemble.of(resolved)
    coverage = spec.coverage_of(ensemble.classes)
    images = content_keys(split.samples)
    models = tuple(
        CachedModel(member, file.fingerprint, _variant_of_tiling(spec.tile))
        for member, file in zip(ensemble.members, resolved.files, strict=True)
    )
    missing = [
        (model, view, image)
        for model in models
        for view in model.member.views
        for image, sha256 in enumerate(images)
        if not cache.has(model.key(view, sha256))
    ]
    total = len(images) * ensemble.passes
    with progress("predict", total, unit="passes", done=total - len(missing)) as advance:
        for model in models:
            for view in model.member.views:
                wanted = [image for m, v, image in missing if m is model and v == view]
                compute_passes(
                    cache, ensemble, model, view, [(split.samples[i], images[i]) for i in wanted], advance
                )
    return CachedPasses(
        names=tuple(member.name for member in ensemble.members),
        views=tuple(member.views for member in ensemble.members),
        milliseconds=tuple(
            speed_of_cached_model(cache, ensemble, model, split.samples[:TIMED]) for model in models
        ),
        coverage=coverage if any(coverage) else (),
        split=split,
        computed=len(missing),
        ensemble=ensemble,
        _cache=cache,
        _models=models,
        _images=images,
    )


def _spec_of_passes(spec: EnsembleSpec) -> EnsembleSpec:
    """The spec with all temperatures at 1, as passes are stored; its stacking takes such members, too."""
    members = tuple(member.model_copy(update={"temperature": 1.0}) for member in spec.members)
    stacking = spec.stacking and spec.stacking.model_copy(update={"fingerprint": None})
    return spec.model_copy(update={"members": members, "stacking": stacking})


def _variant_of_tiling(tile: TileSpec | None) -> str:
    if tile is None:
        return ""
    height, width = tile.size
    plain = f"-{tile.plain.label}-{tile.plain.spread:g}" if tile.plain else ""
    return f"{height}x{width}-{tile.overlap:g}-{tile.blend}{plain}"
