"""The output file or folder of a submission, checked by `seg.files.outputs`."""

from collections.abc import Iterable
from pathlib import Path

from seg.data.files_read import files_read_by_spec
from seg.files.outputs import Output
from seg.spec import EnsembleSpec
from seg.spec.ensemble.output import FOLDER_FORMATS, Format


def submission_output(
    spec: EnsembleSpec,
    path: Path,
    *,
    name: Format | None = None,
    reads: Iterable[Path] = (),
    overwrite: bool = False,
) -> Output:
    """The output of a submission in the spec's format, or in another.

    Args:
        reads: further files that must not be overwritten.
        overwrite: also replace an output that seg did not write.
    """
    is_folder = (name or spec.output.format) in FOLDER_FORMATS
    return Output(path, (*files_read_by_spec(spec), *reads), overwrite, is_folder)
