"""From a spec's `stopping` to the early exit of a run."""

from seg.engine.early_exit.rounds import round_ends, tile_checkpoints
from seg.engine.early_exit.rules import Stopping, new_stopping_monitors
from seg.engine.ensemble import Ensemble
from seg.engine.jobs.fingerprint import ensemble_fingerprint
from seg.engine.member import default_pass_order
from seg.engine.passes.passes import Size
from seg.engine.resolved import ResolvedEnsemble
from seg.errors import SpecError
from seg.spec import EnsembleSpec
from seg.spec.ensemble.prediction import StoppingSpec


def build_stopping(
    spec: StoppingSpec | None, ensemble: Ensemble, grid_hw: Size | None = None
) -> Stopping | None:
    """The early exit of a run: after whole rounds with a calibration, else after any pass.

    Of an image in tiles each tile exits by itself.

    Args:
        spec: of stopping, or None for no early exit.
        ensemble: of the same spec.
        grid_hw: the size of the label maps; by default that of each image.

    Raises:
        SpecError: the calibration's passes are not in rounds.
    """
    if spec is None:
        return None
    has_tiles = ensemble.tile is not None
    new_monitor = new_stopping_monitors(spec, ensemble.decision(grid_hw), of_tiles=has_tiles)
    if spec.calibration is None:
        by_view = default_pass_order(ensemble.members, by_view=True)
        return Stopping(by_view, tuple(range(1, len(by_view))), new_monitor)
    in_rounds = ensemble.passes_in_order(spec.calibration.order)
    checkpoints = round_ends(in_rounds)
    if len(checkpoints) + 1 < max(len(member.views) for member in ensemble.members):
        raise SpecError(f"{spec.calibration.place}: its passes are not in rounds: run `seg calibrate` again")
    return Stopping(in_rounds, tile_checkpoints(in_rounds) if has_tiles else checkpoints, new_monitor)


def check_stopping_calibration(resolved: ResolvedEnsemble) -> None:
    """Raise SpecError if the spec's calibration was made for another ensemble, or tiles need one."""
    spec = resolved.spec
    calibration = spec.stopping.calibration if spec.stopping else None
    if spec.stopping and spec.tile and calibration is None:
        raise SpecError(
            "stopping: needs a calibration beside 'tile', since no tile alone is certain of labels that are"
            " blended of several: run `seg calibrate`"
        )
    if calibration and (
        calibration.fingerprint != ensemble_fingerprint(resolved)
        or sorted(calibration.order) != list(range(_number_of_passes(spec)))
    ):
        raise SpecError(
            f"{calibration.place}: was made for other models, weights, views or output size:"
            " run `seg calibrate` again, or remove it"
        )


def _number_of_passes(spec: EnsembleSpec) -> int:
    return sum(len(spec.views_of(member)) for member in spec.running)
