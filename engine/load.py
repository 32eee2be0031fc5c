"""From a spec to members that are ready to run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from seg.data import open_split, read_image
from seg.engine.choose import choose_runtimes
from seg.engine.machine import usable_cores, usual_streams
from seg.engine.members import Member, read_cards
from seg.engine.open_runtime import open_runtime, usual_batch
from seg.engine.runtime import Streams
from seg.errors import DataError
from seg.labels import ImageHWC
from seg.spec import EnsembleSpec
from seg.spec.prediction import RuntimeName

PROBES: Final = 2
PROBE_SIDE: Final = 512


@dataclass(frozen=True, slots=True)
class Loaded:
    """Members with what was found out while loading them; notes are for the user, a line each."""

    members: tuple[Member, ...]
    batch_size: int
    notes: tuple[str, ...]


def load_members(spec: EnsembleSpec) -> Loaded:
    """Check and load every member's model.

    Raises:
        ModelError: a model is missing, not ours, damaged, or has other classes than the first.
        MissingRuntimeError: the runtime that the spec asks for is not here.
    """
    cards = read_cards(spec)
    runtimes, streams, notes = _runtimes(spec)
    members = tuple(
        Member(
            name=member.name,
            runtime=open_runtime(spec.model(member), runtime, streams),
            card=card,
            weight=member.weight,
            views=spec.views_of(member),
        )
        for member, card, runtime in zip(spec.running, cards, runtimes, strict=True)
    )
    return Loaded(members, _batch_size(spec, runtimes), (*notes, *_unfamiliar(members)))


def _runtimes(spec: EnsembleSpec) -> tuple[Sequence[RuntimeName], Streams, Sequence[str]]:
    if spec.runtime != "auto":
        return [spec.runtime] * len(spec.running), usual_streams(usable_cores()), ()
    models = [spec.model(member) for member in spec.running]
    choice = choose_runtimes(models, _probes(spec), spec.batch_size)
    return choice.runtimes, choice.streams, choice.lines([member.name for member in spec.running])


def _probes(spec: EnsembleSpec) -> list[ImageHWC]:
    """A few of the images to be predicted, or, on a machine that has none, a drawn one."""
    try:
        samples = open_split(spec.data, "predict").samples
        return [read_image(sample.image) for sample in samples[:: max(1, len(samples) // PROBES)][:PROBES]]
    except DataError:
        slope = np.linspace(0, 255, PROBE_SIDE, dtype=np.uint8)
        return [np.stack(np.broadcast_arrays(slope, slope[:, None], slope[::-1]), axis=-1)]


def _batch_size(spec: EnsembleSpec, runtimes: Sequence[RuntimeName]) -> int:
    return spec.batch_size if spec.batch_size != "auto" else max(map(usual_batch, runtimes))


def _unfamiliar(members: Sequence[Member]) -> list[str]:
    return [
        f"{member.name}: was not trained in the views {', '.join(member.unfamiliar_views)}, which may"
        " lower the score"
        for member in members
        if member.unfamiliar_views
    ]
