"""The schedule of a run with a deadline: the order of passes, and the budget of an image."""

from collections.abc import Sequence

from seg.engine.early_exit.deadline import DeadlineSchedule, PassBudget
from seg.engine.early_exit.ranking import rank_passes
from seg.engine.ensemble import Ensemble
from seg.engine.sample_frames import SampleFrame
from seg.errors import SpecError


def schedule_for_deadline(
    ensemble: Ensemble, probes: Sequence[SampleFrame], images: int, ends_at: float
) -> DeadlineSchedule:
    """Measure the time and value of every pass on some of the images, and set a budget until the deadline.

    Args:
        ensemble: with all members in memory.
        probes: to measure on.
        images: the number of images to predict.
        ends_at: the time by `time.monotonic` at which all must be done.

    Raises:
        SpecError: members take turns in memory, or there is not time for one pass an image.
    """
    if ensemble.open_frames:
        raise SpecError("--deadline: members that take turns in memory cannot be timed: allow more memory")
    frames = [probe.frame_hwc for probe in probes]
    order = rank_passes(ensemble.members, frames, ensemble.batch_size, ensemble.factors)
    seconds = [each * probes[0].tiles for each in order.seconds]
    return DeadlineSchedule(ensemble.passes_in_order(order.positions), PassBudget(seconds, images, ends_at))
