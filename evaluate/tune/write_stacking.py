"""Writing a stacking as a YAML beside that of its ensemble."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from seg.data.files_read import files_read_by_spec
from seg.engine.member_files import read_member_files, stacking_fingerprint
from seg.files.atomic import write_text
from seg.files.outputs import Output
from seg.labels.classes import ClassInfo
from seg.spec import EnsembleSpec
from seg.spec.ensemble.stacking import Stacking, StackingSpec

HEADER = "# seg tune: what is added to the logarithms of the merged probabilities. Do not change it by hand."

SIGNIFICANT: Final = 6
"""Digits of a number as it is written."""


def stacking_output(path: Path, spec: EnsembleSpec, *, overwrite: bool = False) -> Output:
    """The file `NAME.stacking.yaml` beside an ensemble's YAML. It may hold the stacking of the spec.

    It ends as the YAML does, so that `NAME.yml` has another one.
    """
    before = spec.stacking.yaml_file if spec.stacking else None
    reads = [file for file in files_read_by_spec(spec) if file != before]
    return Output(path.with_suffix(f".stacking{path.suffix}"), (path, *reads), overwrite)


def write_stacking(
    output: Output, stacking: Stacking, spec: EnsembleSpec, classes: Sequence[ClassInfo]
) -> None:
    """Write the stacking of the members of a spec, with what it was fitted for.

    Raises:
        OutputError: the file cannot be written.
        ModelError: a model is missing or damaged.
    """
    named = _stacking_by_names(stacking, [member.name for member in spec.members], classes)
    fingerprint = stacking_fingerprint(named, spec, read_member_files(spec))
    with output.writing() as final:
        write_text(final, "\n".join(_lines_of_stacking(named, fingerprint)) + "\n")


def _stacking_by_names(
    stacking: Stacking, members: Sequence[str], classes: Sequence[ClassInfo]
) -> StackingSpec:
    """The stacking with names, and its numbers as they are spelled in a file."""
    return StackingSpec(
        classes=tuple(info.name for info in classes),
        constants=tuple(map(_number_as_written, stacking.constants)),
        matrices={
            name: tuple(tuple(map(_number_as_written, row)) for row in rows)
            for name, rows in zip(members, stacking.matrices, strict=True)
            if rows
        },
    )


def _number_as_written(number: float) -> float:
    return float(f"{number:.{SIGNIFICANT}g}")


def _lines_of_stacking(stacking: StackingSpec, fingerprint: str) -> Iterator[str]:
    yield HEADER
    yield f"fingerprint: {fingerprint}"
    yield f"classes: {json.dumps(stacking.classes, ensure_ascii=False)}"
    yield f"constants: {_spelled_coefficients(stacking.constants)}"
    yield "matrices:"
    for name, rows in stacking.matrices.items():
        yield f"  {json.dumps(name, ensure_ascii=False)}:"
        yield from (f"    - {_spelled_coefficients(row)}" for row in rows)


def _spelled_coefficients(numbers: Sequence[float]) -> str:
    return f"[{', '.join(f'{one:.{SIGNIFICANT}g}' for one in numbers)}]"
