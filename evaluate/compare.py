"""Each member and the ensemble on the validation split, without and with views.

Every configuration runs through the engine itself, so a figure here is what a submission gets.
The figures are kept in `<runs>/evaluation.json` under a fingerprint of models, views, weights and
data, and are computed again only when one of these changes.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seg.data import open_split
from seg.engine import Ensemble
from seg.evaluate.metrics import Scores

if TYPE_CHECKING:
    from seg.spec import EnsembleSpec

ENSEMBLE_ROW = "ensemble"


@dataclass(frozen=True, slots=True)
class Row:
    """One predictor: `plain` on the image as it is, `viewed` with the spec's views.

    `ms` is the time an image takes with views, from pixels to label map, in milliseconds.
    """

    name: str
    images: int
    plain: Scores
    viewed: Scores
    ms: float


def compare_members(spec: "EnsembleSpec") -> list[Row]:
    """Score every member and, where there are several, the ensemble.

    Raises:
        DataError: the validation split has no labels or an image cannot be read.
        ModelError: a model is missing or not usable.
    """
    split = open_split(spec.data, "val")
    kept = spec.runs / "evaluation.json"
    ensemble = Ensemble(spec)
    fingerprint = _fingerprint(spec, split)
    rows = _read(kept, fingerprint)
    if rows is None:
        rows = _score_all(ensemble, split)
        _write(kept, fingerprint, rows)
    return rows
