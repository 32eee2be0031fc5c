"""Every pass that tuning may ask for: computed by the engine once, then found in the cache."""

from dataclasses import dataclass
from typing import Final

from seg.data import Split
from seg.data.windows import open_raster
from seg.engine import Ensemble
from seg.engine.passes.tiles import lay_out
from seg.engine.runtimes.decoder_cut import Decoder
from seg.evaluate.cache.compute import CachedModel, fill, speed
from seg.evaluate.cache.merge import CellFrames, Frames, Seen
from seg.evaluate.cache.mixture import Views
from seg.evaluate.cache.store import PassKey, ProbabilityCache
from seg.files import sha256_of
from seg.labels import LabelsHW
from seg.progress import progress
from seg.spec import EnsembleSpec
from seg.spec.prediction import TileSpec
from seg.views import ViewName

TIMED: Final = 8
"""Images on which a member is timed where no earlier run left its speed."""


@dataclass(frozen=True, slots=True)
class Passes:
    """The passes of all members and views over a labelled split, and what each costs.

    Attributes:
        names: of the members.
        views: of each member, which it may keep or lose.
        milliseconds: wall time of one pass of each member.
        computed: how many passes were not in the cache.
        ensemble: all members, loaded.
    """

    names: tuple[str, ...]
    views: tuple[Views, ...]
    milliseconds: tuple[float, ...]
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
    def at_decoder(self) -> bool:
        """Whether passes are kept, and merged, where decoders end."""
        return bool(self._decoders)

    def seen(self, image: int) -> Seen:
        """All passes of one image."""
        if not self.at_decoder:
            return Frames(lambda member, view: self._cache.get(self._key(member, view, image)))
        size_hw = open_raster(self.split.samples[image].image).shape[:2]
        return CellFrames(
            lambda member, view: self._cache.get_cells(self._key(member, view, image)),
            lay_out(size_hw, self.ensemble.tile),
            self._decoders,
        )

    def labels(self, image: int) -> LabelsHW:
        return self.split.labels(image)

    def _key(self, member: int, view: ViewName, image: int) -> PassKey:
        return self._models[member].key(view, self._images[image])

    @property
    def _decoders(self) -> tuple[Decoder, ...]:
        return tuple(member.decoder for member in self.ensemble.members if member.decoder)


def gather_passes(spec: EnsembleSpec, split: Split, cache: ProbabilityCache) -> Passes:
    """Compute what the cache lacks, and time what was never timed.

    Raises:
        ModelError, MissingRuntimeError: a member cannot be loaded.
        DataError: an image cannot be read, or the split has no labels.
    """
    split.labels(0)  # Where there are none, that is said before hours of passes.
    ensemble = Ensemble.load(_at_rest(spec))
    images = tuple(sha256_of(sample.image) for sample in split.samples)
    models = tuple(
        CachedModel(member, sha256_of(spec.model(entry)), _name_of(spec.tile))
        for member, entry in zip(ensemble.members, spec.members, strict=True)
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
                fill(cache, ensemble, model, view, [(split.samples[i], images[i]) for i in wanted], advance)
    return Passes(
        names=tuple(member.name for member in ensemble.members),
        views=tuple(member.views for member in ensemble.members),
        milliseconds=tuple(speed(cache, ensemble, model, split.samples[:TIMED]) for model in models),
        split=split,
        computed=len(missing),
        ensemble=ensemble,
        _cache=cache,
        _models=models,
        _images=images,
    )


def _at_rest(spec: EnsembleSpec) -> EnsembleSpec:
    """With every temperature at 1, which is how passes are kept."""
    members = tuple(member.model_copy(update={"temperature": 1.0}) for member in spec.members)
    return spec.model_copy(update={"members": members})


def _name_of(tile: TileSpec | None) -> str:
    if tile is None:
        return ""
    height, width = tile.size
    return f"{height}x{width}-{tile.overlap:g}-{tile.blend}"
