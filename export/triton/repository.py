"""A model repository: a folder a model, in it the configuration, and a folder for each version."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from seg.errors import OutputError, VerificationError
from seg.files import write_text

MODEL_FILE: Final = "model.onnx"
CONFIG_FILE: Final = "config.pbtxt"


class Draft:
    """Versions of models that lie beside a repository until all of them are whole."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self._repository = repository
        self._folder = folder
        self._configs: dict[Path, str] = {}

    def new_version(self, name: str) -> Path:
        """An empty folder that becomes the model's next version.

        Raises:
            OutputError: what bears the model's name in the repository is no model.
        """
        version = self._folder / name / str(_last_version(self._repository / name) + 1)
        version.mkdir(parents=True)
        return version

    def configure(self, version: Path, config: str) -> None:
        """How the model of this version is run from now on."""
        self._configs[version] = config

    def final(self, path: Path) -> Path:
        """Where a file of the draft will be."""
        return self._repository / path.relative_to(self._folder)

    def publish(self) -> None:
        for version in self._configs:
            self.final(version).parent.mkdir(exist_ok=True)
            version.replace(self.final(version))
        for version, config in self._configs.items():
            write_text(self.final(version).parent / CONFIG_FILE, config)


@contextmanager
def new_versions(repository: Path) -> Iterator[Draft]:
    """Yield a draft whose versions join the repository only if the block succeeds."""
    repository.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".draft-", dir=repository) as folder:
        draft = Draft(repository, Path(folder))
        try:
            yield draft
        except VerificationError as error:
            raise VerificationError(str(error).replace(folder, str(repository))) from error
        draft.publish()


def _last_version(folder: Path) -> int:
    if not folder.exists():
        return 0
    versions = [int(one.name) for one in folder.iterdir() if one.name.isdigit()] if folder.is_dir() else []
    if not versions:
        raise OutputError(f"{folder}: is no model of a repository: give another folder with --output")
    return max(versions)
