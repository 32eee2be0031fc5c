"""Writing a stacking as a YAML beside that of its ensemble."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from seg.data.files_read import files_read_by_spec
from seg.files.atomic import write_text
from seg.files.outputs import Output
from seg.labels.classes import ClassInfo
from seg.spec import EnsembleSpec
from seg.spec.ensemble.stacking import Stacking

HEADER = "# seg tune: what is added to the logarithms of the merged probabilities. Do not change it by hand."


def stacking_output(path: Path, spec: EnsembleSpec, *, overwrite: bool = False) -> Output:
    """The file `NAME.stacking.yaml` beside an ensemble's YAML. It may hold the stacking of the spec."""
    before = spec.stacking.yaml_file if spec.stacking else None
    reads = [file for file in files_read_by_spec(spec) if file != before]
    return Output(path.with_suffix(".stacking.yaml"), (path, *reads), overwrite)


def write_stacking(
    output: Output, stacking: Stacking, members: Sequence[str], classes: Sequence[ClassInfo]
) -> None:
    """Write the stacking of these members; raises OutputError."""
    with output.writing() as final:
        write_text(final, "\n".join(_lines_of_stacking(stacking, members, classes)) + "\n")


def _lines_of_stacking(
    stacking: Stacking, members: Sequence[str], classes: Sequence[ClassInfo]
) -> Iterator[str]:
    yield HEADER
    yield f"classes: {json.dumps([info.name for info in classes], ensure_ascii=False)}"
    yield f"constants: {_spelled_coefficients(stacking.constants)}"
    yield "matrices:"
    for name, rows in zip(members, stacking.matrices, strict=True):
        if rows:
            yield f"  {json.dumps(name, ensure_ascii=False)}:"
            yield from (f"    - {_spelled_coefficients(row)}" for row in rows)


def _spelled_coefficients(numbers: Sequence[float]) -> str:
    return f"[{', '.join(f'{one:g}' for one in numbers)}]"
