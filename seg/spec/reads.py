"""The files and folders that a spec names to be read."""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from seg.spec.ensemble.ensemble import EnsembleSpec


def files_read_by_spec(spec: EnsembleSpec) -> list[Path]:
    """Images, annotations, masks, lists and the sample, and the model of each member; none need be there."""
    named = [path for key, value in spec if key not in {"output", "runs"} for path in paths_in_spec(value)]
    sample = [spec.output.sample] if spec.output.sample else []
    return [*named, *sample, *(spec.model(member) for member in spec.members)]


def paths_in_spec(value: object) -> Iterator[Path]:
    """All paths within a spec, or a part of one."""
    match value:
        case Path():
            yield value
        case BaseModel():
            for _, inner in value:
                yield from paths_in_spec(inner)
        case tuple():
            for inner in value:
                yield from paths_in_spec(inner)
