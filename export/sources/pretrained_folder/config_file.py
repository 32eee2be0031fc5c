"""The JSON files of a folder that `save_pretrained` wrote."""

import json
from pathlib import Path
from typing import Any

from seg.errors import ModelError
from seg.export.sources.source_files import sha256_of_files
from seg.files.atomic import regular_file


def read_config_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; raises ModelError if it cannot be read or is none."""
    try:
        content = json.loads(regular_file(path).read_bytes())
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such file: copy the whole folder") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: is not JSON, or is damaged: copy it again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: is not a JSON object: copy it again")
    return content


def weights_file_in_folder(folder: Path) -> Path:
    """The file of weights in a folder; raises ModelError if there is none."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).exists():
            return folder / name
    raise ModelError(f"{folder}: has no model.safetensors and no pytorch_model.bin: copy the whole folder")


def sha256_of_folder(folder: Path) -> str:
    """A SHA-256 of the weights in a folder and of the JSON files beside them."""
    settings = sorted(path for path in folder.glob("*.json") if path.is_file())
    return sha256_of_files(weights_file_in_folder(folder), *settings)
