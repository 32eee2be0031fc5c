"""The files and folders that a spec names to be read."""

from collections.abc import Iterator
from pathlib import Path

from seg.spec.base import Spec
from seg.spec.ensemble.ensemble import EnsembleSpec


def files_read_by_spec(spec: EnsembleSpec) -> list[Path]:
    """Its YAML and those that it names, images, labels, lists, the sample, a function's file, and the models.

    None need be there.
    """
    function = spec.metric.own_function
    own = [path for path in (spec.yaml_file, function.file if function else None) if path]
    named = [path for key, value in spec if key not in {"output", "runs"} for path in paths_in_spec(value)]
    sample = [spec.output.sample] if spec.output.sample else []
    return [*own, *named, *sample, *(spec.model(member) for member in spec.members)]


def paths_in_spec(value: object) -> Iterator[Path]:
    """All paths within a spec, or a part of one, and the YAMLs that parts were read from."""
    match value:
        case Path():
            yield value
        case Spec():
            if value.yaml_file:
                yield value.yaml_file
            for _, inner in value:
                yield from paths_in_spec(inner)
        case tuple():
            for inner in value:
                yield from paths_in_spec(inner)
