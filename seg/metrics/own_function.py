"""A metric that is a function of the user's, in a Python file.

    def score(truth, predicted):                  # bool [C, H, W], the classes that count
        return 2 * (truth & predicted).sum() / max(1, truth.sum() + predicted.sum())

It returns the score of one image, or one for each class; NaN where there is nothing to judge. The score of a
split is the mean.
"""

import runpy
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seg.errors import SpecError
from seg.files.atomic import sha256_of
from seg.labels.task import MasksCHW
from seg.metrics.metric import MaskHW, TallyC2, TallyMasks
from seg.spec.ensemble.metric import MetricSpec, OwnFunction
from seg.terminal.words import printable_line


def tally_own_function(own: OwnFunction, counts_c: NDArray[np.bool_]) -> TallyMasks:
    """Run the file and take the function from it; `counts_c` says which classes count, bool `[C]`.

    Raises:
        SpecError: the file cannot be run or has no such function; and, from the metric, the function fails
            or returns something else.
    """
    function = _load_own_function(own)
    place = f"metric: {own.file}:{own.function}"

    def tally_masks(truth_chw: MasksCHW, predicted_chw: MasksCHW, labelled_hw: MaskHW) -> TallyC2:
        try:
            found = function(truth_chw[counts_c], predicted_chw[counts_c] & labelled_hw)
            scores = np.asarray(found, dtype=np.float64)
        except (Exception, SystemExit) as error:
            # The user's own code can raise anything.
            raise SpecError(f"{place}: {type(error).__name__}: {printable_line(str(error))}") from error
        if found is None:
            raise SpecError(f"{place}: returns nothing: has it a 'return'?")
        return _tally_own_scores(scores, counts_c, place)

    return tally_masks


def refuse_missing_metric_file(spec: MetricSpec) -> None:
    """Raise SpecError if the metric is a function in a file that is not there; nothing is run."""
    if spec.own_function:
        _refuse_missing_file_of_function(spec.own_function)


def metric_fingerprint(spec: MetricSpec) -> dict[str, Any]:
    """What the scores of a metric depend on: the spec, and the content of the user's file."""
    own = spec.own_function
    return {**spec.model_dump(), **({"sha256": sha256_of(own.file)} if own and own.file.is_file() else {})}


def _tally_own_scores(scores: NDArray[np.float64], counts_c: NDArray[np.bool_], place: str) -> TallyC2:
    if scores.shape not in ((), (int(counts_c.sum()),)) or np.isinf(scores).any():
        raise SpecError(
            f"{place}: returns one finite number, or one for each of {int(counts_c.sum())} classes,"
            f" got {scores.tolist()}"
        )
    known = ~np.isnan(scores)
    tally_c2 = np.zeros((len(counts_c), 2))
    tally_c2[counts_c, 0] = np.where(known, scores, 0)
    tally_c2[counts_c, 1] = known
    return tally_c2


def _refuse_missing_file_of_function(own: OwnFunction) -> None:
    if not own.file.is_file():
        raise SpecError(f"metric: {own.file}: there is no such file: correct its path")


def _load_own_function(own: OwnFunction) -> Callable[..., Any]:
    file = own.file
    _refuse_missing_file_of_function(own)
    try:
        found = runpy.run_path(str(file)).get(own.function)
    except (Exception, SystemExit) as error:
        # The user's own code can raise anything.
        raise SpecError(f"metric: {file}: {type(error).__name__}: {printable_line(str(error))}") from error
    if not callable(found):
        raise SpecError(f"metric: {file}: has no function {own.function!r}")
    function: Callable[..., Any] = found
    return function
