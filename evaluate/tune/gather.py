"""Every pass that tuning may ask for: computed by the engine once, then found in the cache."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from seg.data import Sample, Split, read_image
from seg.engine import Ensemble
from seg.engine.members import Member
from seg.evaluate.cache import PassKey, ProbabilityCache
from seg.evaluate.tune.frames import Frames
from seg.evaluate.tune.mixture import Views
from seg.files import sha256_of
from seg.labels import ImageHWC, LabelsHW, ProbabilitiesCHW
from seg.levels import LevelsCHW
from seg.progress import Advance, progress
from seg.spec import EnsembleSpec
from seg.spec.prediction import RuntimeName
from seg.views import VIEW_SETS, ViewName

TIMED: Final = 8
"""Images on which a member is timed where no earlier run left its speed."""

ROUNDS: Final = 2
"""The first also compiles what a runtime compiles."""


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A loaded member, and the SHA-256 of its model file."""

    member: Member
    sha256: str

    @property
    def runtime(self) -> RuntimeName:
        return self.member.runtime.describe().name

    def key(self, view: ViewName, image_sha256: str) -> PassKey:
        return PassKey(self.sha256, self.runtime, view, image_sha256)


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

    def levels(self, member: int, view: ViewName, image: int) -> LevelsCHW:
        """Upright probabilities of one pass at a temperature of 1, uint8 `[C, H, W]`."""
        return self._cache.get(self._models[member].key(view, self._images[image]))

    def frames(self, image: int) -> Frames:
        """All passes of one image."""
        return Frames(lambda member, view: self.levels(member, view, image))

    def labels(self, image: int) -> LabelsHW:
        return self.split.labels(image)


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
        CachedModel(member, sha256_of(spec.model(entry)))
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
                _fill(
                    cache, ensemble, model, view, [(i, split.samples[i], images[i]) for i in wanted], advance
                )
    return Passes(
        names=tuple(member.name for member in ensemble.members),
        views=tuple(member.views for member in ensemble.members),
        milliseconds=tuple(_speed(cache, ensemble, model, split.samples[:TIMED]) for model in models),
        split=split,
        computed=len(missing),
        ensemble=ensemble,
        _cache=cache,
        _models=models,
        _images=images,
    )


def _at_rest(spec: EnsembleSpec) -> EnsembleSpec:
    """With every temperature at 1 and at the size of the image, which is how passes are kept."""
    members = tuple(member.model_copy(update={"temperature": 1.0}) for member in spec.members)
    return spec.model_copy(update={"members": members, "merge_at": "image"})


def _fill(
    cache: ProbabilityCache,
    ensemble: Ensemble,
    model: CachedModel,
    view: ViewName,
    wanted: Sequence[tuple[int, Sample, str]],
    advance: Advance,
) -> None:
    predictor = ensemble.only([model.member.name]).with_views((view,))

    def keep(image_sha256: str, probabilities_chw: ProbabilitiesCHW) -> None:
        cache.put(model.key(view, image_sha256), probabilities_chw)

    for _ in predictor.predict_all(_images(wanted), keep):
        advance()


def _images(wanted: Sequence[tuple[int, Sample, str]]) -> Iterator[tuple[str, ImageHWC]]:
    return ((sha256, read_image(sample.image)) for _, sample, sha256 in wanted)


def _speed(
    cache: ProbabilityCache, ensemble: Ensemble, model: CachedModel, samples: Sequence[Sample]
) -> float:
    """Milliseconds a pass: what an earlier run measured, or measured now."""
    known = cache.speed(model.sha256, model.runtime)
    if known is not None:
        return known
    predictor = ensemble.only([model.member.name]).with_views(VIEW_SETS["none"])
    images = [(index, read_image(sample.image)) for index, sample in enumerate(samples)]
    milliseconds = min(_time(predictor, images) for _ in range(ROUNDS))
    cache.note_speed(model.sha256, model.runtime, milliseconds)
    return milliseconds


def _time(predictor: Ensemble, images: Sequence[tuple[int, ImageHWC]]) -> float:
    start = time.perf_counter()
    for _ in predictor.predict_all(images, lambda *_: None):
        pass
    return (time.perf_counter() - start) * 1e3 / len(images)
