"""An ensemble spec made of model files alone, without a YAML."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from seg.spec.dataset import DatasetSpec, SplitSpec
from seg.spec.ensemble import EnsembleSpec

EXPORTED_NAME = "model"
"""The stem of the files that `seg export` writes; their folder is what tells members apart."""


def spec_from_models(
    models: Sequence[Path | str],
    *,
    weights: Sequence[float] | None = None,
    images: Path | None = None,
    **options: object,
) -> EnsembleSpec:
    """The spec of exported models with the given weights.

    Args:
        models: paths of exported ONNX files.
        weights: one for each model; by default all are equal.
        images: a folder, a pattern or a list of the images to predict; by default none.
        options: further keys of an ensemble's YAML, such as `views`, `merge`, `runtime` and `tile`.

    Raises:
        ValueError: there is no model, or not one weight for each, or an option has no such value.
    """
    if isinstance(models, str | Path):
        raise ValueError(f"models are a list of paths, got one path: [{str(models)!r}]")
    if not models:
        raise ValueError("models: at least one path is needed")
    if weights is not None and len(weights) != len(models):
        raise ValueError(f"weights: one for each of {len(models)} models, got {len(weights)}")
    paths = [Path(model).absolute() for model in models]
    members = [
        {"name": name, "model": path, "weight": weight}
        for name, path, weight in zip(_names(paths), paths, weights or [1.0] * len(paths), strict=True)
    ]
    data = DatasetSpec(predict=SplitSpec(images=images.absolute())) if images else DatasetSpec()
    return EnsembleSpec.model_validate({"data": data, "members": members, **options})


def _names(paths: Iterable[Path]) -> list[str]:
    """A name for each model: its file's, or its run folder's, with a number where two are alike."""
    stems = [path.parent.name if path.stem == EXPORTED_NAME else path.stem for path in paths]
    seen: Counter[str] = Counter()
    names = []
    for stem in stems:
        seen[stem] += 1
        name = "".join(c if c.isalnum() or c in "._-" else "-" for c in stem).lstrip("._-") or "model"
        names.append(name if seen[stem] == 1 else f"{name}-{seen[stem]}")
    return names
