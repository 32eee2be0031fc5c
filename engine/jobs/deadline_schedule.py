"""From an ensemble and a deadline to the order and the pace of its passes."""

from seg.engine.early_exit.deadline import DeadlineSchedule, PassBudget
from seg.engine.ensemble import Ensemble
from seg.engine.load import probe_frames
from seg.errors import SpecError
from seg.spec import EnsembleSpec


def schedule_for_deadline(
    ensemble: Ensemble, spec: EnsembleSpec, images: int, ends_at: float
) -> DeadlineSchedule:
    """Measure what every pass takes and adds on some of the images, and keep to a time from then on.

    Args:
        ensemble: loaded, all of it.
        spec: the spec it was loaded from.
        images: how many there are to do.
        ends_at: when all must be done, by `time.monotonic`.

    Raises:
        SpecError: members take turns in memory, or not even one pass an image would be done in time.
    """
    if ensemble.open_frames:
        raise SpecError("--deadline: members that take turns in memory cannot be timed: allow more memory")
    probes = probe_frames(spec)
    frames = [probe.frame_hwc for probe in probes]
    order = ensemble.rank(frames)
    seconds = [each * probes[0].tiles for each in order.seconds]
    return DeadlineSchedule(ensemble.passes_in_order(order.positions), PassBudget(seconds, images, ends_at))
