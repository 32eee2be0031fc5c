"""A model repository: a folder a model, in it the configuration, and a folder for each version."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import onnx

from seg.errors import OutputError, VerificationError
from seg.export.serving.config import Serving, config_of
from seg.files import write_text

MODEL_FILE: Final = "model.onnx"
CONFIG_FILE: Final = "config.pbtxt"

Card = TypeVar("Card")


def add_model(
    repository: Path, name: str, write: Callable[[Path], Card], serving: Serving
) -> tuple[Path, Card]:
    """Add a model, or the next version of one that is there; a version appears whole or not at all.

    Args:
        repository: the folder that Triton is told of.
        name: what clients call the model.
        write: writes the model's file, and weights beside it if need be; may raise.
        serving: how it is run.

    Returns:
        The model's file, and what `write` returned.

    Raises:
        OutputError: the model's folder is there and has no versions: it is not one of a repository.
    """
    folder = repository / name
    version = folder / str(_last_version(folder) + 1)
    repository.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=repository) as temporary:
        written = Path(temporary) / "version"
        written.mkdir()
        try:
            card = write(written / MODEL_FILE)
        except VerificationError as error:
            raise VerificationError(str(error).replace(str(written), str(version))) from error
        config = config_of(name, onnx.load(written / MODEL_FILE, load_external_data=False), serving)
        folder.mkdir(exist_ok=True)
        written.replace(version)
    write_text(folder / CONFIG_FILE, config)
    return version / MODEL_FILE, card


def _last_version(folder: Path) -> int:
    if not folder.exists():
        return 0
    versions = [int(one.name) for one in folder.iterdir() if one.name.isdigit()] if folder.is_dir() else []
    if not versions:
        raise OutputError(f"{folder}: is no model of a repository: give another folder with --output")
    return max(versions)
