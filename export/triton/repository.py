"""A Triton model repository: one folder per model, with its configuration and a folder per version."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from seg.errors import OutputError, VerificationError
from seg.files.atomic import scratch_folder, write_text
from seg.files.outputs import Output

MODEL_FILE: Final = "model.onnx"
CONFIG_FILE: Final = "config.pbtxt"


class RepositoryUpdate:
    """New model versions in a temporary folder beside a repository, published together when complete."""

    def __init__(self, repository: Path, folder: Path, *, overwrite: bool) -> None:
        self._repository = repository
        self._folder = folder
        self._overwrite = overwrite
        self._configs: dict[Path, str] = {}

    def new_version(self, name: str) -> Path:
        """Make an empty folder that becomes the model's next version.

        Raises:
            OutputError: something with the model's name in the repository is not a model, or its
                configuration was not written by seg.
        """
        self._configuration_of(name).check()
        version = self._folder / name / str(_last_triton_version(self._repository / name) + 1)
        version.mkdir(parents=True)
        return version

    def configure(self, version: Path, config: str) -> None:
        """Set the configuration to publish with this version."""
        self._configs[version] = config

    def final(self, path: Path) -> Path:
        """The path of a file after publishing."""
        return self._repository / path.relative_to(self._folder)

    def publish(self) -> None:
        """Move all versions into the repository, then write their configurations."""
        for version in self._configs:
            self.final(version).parent.mkdir(exist_ok=True)
            version.replace(self.final(version))
        for version, config in self._configs.items():
            with self._configuration_of(self.final(version).parent.name).writing() as path:
                write_text(path, config)

    def _configuration_of(self, name: str) -> Output:
        return Output(self._repository / name / CONFIG_FILE, overwrite=self._overwrite)


@contextmanager
def update_triton_repository(repository: Path, *, overwrite: bool = False) -> Iterator[RepositoryUpdate]:
    """Yield an update whose versions join the repository only if the block succeeds.

    Args:
        overwrite: replace also configurations that seg did not write.

    Raises:
        VerificationError: the block raised one; it then names the repository.
        OutputError: a model's folder cannot be written, or is not one of a repository.
    """
    with scratch_folder(repository / "draft") as folder:
        update = RepositoryUpdate(repository, folder, overwrite=overwrite)
        try:
            yield update
        except VerificationError as error:
            raise VerificationError(str(error).replace(str(folder), str(repository))) from error
        update.publish()


def _last_triton_version(folder: Path) -> int:
    if not folder.exists():
        return 0
    versions = [int(one.name) for one in folder.iterdir() if one.name.isdigit()] if folder.is_dir() else []
    if not versions:
        raise OutputError(f"{folder}: is not a model of a repository: give another folder with --output")
    return max(versions)
