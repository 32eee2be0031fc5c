"""`seg.load`: an ensemble from a YAML, or from exported models."""

from collections.abc import Sequence
from pathlib import Path

from seg.engine.ensemble import Ensemble
from seg.spec import EnsembleSpec
from seg.spec.ensemble.from_models import spec_from_models

Models = Sequence[Path | str]


def load(
    source: EnsembleSpec | Path | str | Models,
    *,
    weights: Sequence[float] | None = None,
    memory: int | None = None,
    **options: object,
) -> Ensemble:
    """Load an ensemble from its YAML, or from exported models.

    Args:
        source: the path of an ensemble's YAML, a spec, or the paths of exported models.
        weights: of the models; by default all are equal.
        memory: the bytes that this process may take; members that do not fit together take turns.
        options: with models, further keys of an ensemble's YAML: `views`, `merge`, `runtime`, `tile`, ...

    Raises:
        ValueError: an option has no such value, or is given beside a YAML, which says it itself.
        SpecError, ModelError, MissingRuntimeError: one line that says what to mend.

    Example:
        >>> import seg
        >>> ensemble = seg.load(["a.onnx", "b.onnx"], views="d4", weights=[2, 1])
        >>> ensemble.predict("a.png").labels.shape
        (21, 34)
    """
    if isinstance(source, EnsembleSpec | Path | str) and Path(str(source)).suffix.lower() != ".onnx":
        given = [*options, *(["weights"] if weights is not None else [])]
        if given:
            raise ValueError(f"{given[0]}: the ensemble's YAML says it: give it there, or load models")
        return Ensemble.load(source, memory=memory)
    models = [source] if isinstance(source, Path | str) else source
    return Ensemble.load(spec_from_models(models, weights=weights, **options), memory=memory)  # type: ignore[arg-type]
