"""Computing missing passes of the cache by the engine, and timing members."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from seg.data import Sample
from seg.data.images.read_sample import open_sample, read_sample
from seg.engine import Ensemble
from seg.engine.member import Member
from seg.engine.passes.finite import is_finite, not_finite_error
from seg.engine.runtimes.decoder_cut import Decoder
from seg.evaluate.cache.decoder_outputs import low_resolution_pass
from seg.evaluate.cache.store import PassKey, ProbabilityCache
from seg.image_type import ImageHWB
from seg.labels.label_map import ProbabilitiesCHW
from seg.spec.ensemble.prediction import MergePlace
from seg.terminal.progress import Advance
from seg.views import VIEW_SETS, ViewName

ROUNDS: Final = 2
"""Timed rounds; the first one also includes compilation."""


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A loaded member, the SHA-256 of its model file, and the name of its tiling, empty without tiles."""

    member: Member
    sha256: str
    tile: str

    @property
    def runtime(self) -> str:
        return self.member.runtime.describe().name

    @property
    def variant(self) -> str:
        return self.key("identity", "").variant

    def key(self, view: ViewName, image_sha256: str) -> PassKey:
        place: MergePlace = "decoder" if self.member.decoder else "image"
        return PassKey(self.sha256, self.runtime, view, image_sha256, place, self.tile)


Wanted = Sequence[tuple[Sample, str]]
"""Images with their SHA-256."""


def compute_passes(
    cache: ProbabilityCache,
    ensemble: Ensemble,
    model: CachedModel,
    view: ViewName,
    wanted: Wanted,
    advance: Advance,
) -> None:
    """Compute one view of these images through a member of the ensemble, and store it."""
    if model.member.decoder:
        _compute_low_resolution(cache, ensemble, model, model.member.decoder, view, wanted, advance)
        return
    predictor = ensemble.only([model.member.name]).with_views((view,))

    def keep(image: tuple[Sample, str], probabilities_chw: ProbabilitiesCHW) -> None:
        cache.put(model.key(view, image[1]), probabilities_chw)

    for _ in predictor.predict_all(_read_wanted_images(wanted), keep, name_of=lambda image: image[0].id):
        advance()


def speed_of_cached_model(
    cache: ProbabilityCache, ensemble: Ensemble, model: CachedModel, samples: Sequence[Sample]
) -> float:
    """Milliseconds a pass, from an earlier run or measured now."""
    known = cache.stored_speed(model.sha256, model.runtime, model.variant)
    if known is not None:
        return known
    predictor = ensemble.only([model.member.name]).with_views(VIEW_SETS["none"])
    images = [(index, read_sample(sample)) for index, sample in enumerate(samples)]
    milliseconds = min(_time_passes(predictor, images) for _ in range(ROUNDS))
    cache.store_speed(model.sha256, model.runtime, milliseconds, model.variant)
    return milliseconds


def _compute_low_resolution(
    cache: ProbabilityCache,
    ensemble: Ensemble,
    model: CachedModel,
    decoder: Decoder,
    view: ViewName,
    wanted: Wanted,
    advance: Advance,
) -> None:
    def keep(entry: tuple[Sample, str]) -> None:
        sample, sha256 = entry
        image = open_sample(sample)
        outputs_chw = low_resolution_pass(model.member, decoder, view, image, ensemble.tile)
        if not is_finite(outputs_chw):
            raise not_finite_error(model.member.name, sample.id)
        cache.put(model.key(view, sha256), outputs_chw)

    with ThreadPoolExecutor(ensemble.streams, thread_name_prefix="seg-decoder") as pool:
        for _ in pool.map(keep, wanted):
            advance()


def _read_wanted_images(wanted: Wanted) -> Iterator[tuple[tuple[Sample, str], ImageHWB]]:
    return ((image, read_sample(image[0])) for image in wanted)


def _time_passes(predictor: Ensemble, images: Sequence[tuple[int, ImageHWB]]) -> float:
    start = time.perf_counter()
    for _ in predictor.predict_all(images, lambda *_: None):
        pass
    return (time.perf_counter() - start) * 1e3 / len(images)
