"""Models on their way to other machines, where each is written once, however many workers use it."""

import getpass
import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from seg.engine.runtimes.tensorrt_plan_file import record_path, records_beside
from seg.files import atomic_path, sha256_of
from seg.model_safety import load_graph, weights_beside
from seg.spec import EnsembleSpec, MemberSpec


@dataclass(frozen=True, slots=True)
class Packed:
    """A file of a model: its name and the SHA-256 of its bytes."""

    name: str
    sha256: str


def files_of(spec: EnsembleSpec, member: MemberSpec) -> list[Path]:
    """A member's model, the files beside it that hold its weights, and plans, where it runs on one.

    Raises:
        ModelError: the model is not there, or is no ONNX file, or a plan's record is damaged.
    """
    model = spec.model(member)
    weights = [model.parent / name for name in sorted(weights_beside(load_graph(model)))]
    # Each machine takes the one that was built for its GPU.
    plans = records_beside(model) if spec.runtime == "tensorrt-plan" else ()
    beside = [path for plan in plans for path in (plan, record_path(plan)) if path.exists()]
    return [model, *weights, *beside]


def pack(spec: EnsembleSpec) -> tuple[dict[str, list[Packed]], list[Path]]:
    """What `unpack` needs to know of the models of a spec, and the files to bring there, in that order."""
    files = {member.name: files_of(spec, member) for member in spec.running}
    packed = {name: [Packed(path.name, sha256_of(path)) for path in paths] for name, paths in files.items()}
    return packed, [path for paths in files.values() for path in paths]


def unpack(
    spec: EnsembleSpec, members: Mapping[str, Sequence[Packed]], contents: Sequence[bytes]
) -> EnsembleSpec:
    """Write the files of all models that this machine does not have; the spec with the models here."""
    coming = iter(contents)
    models = {name: _unpack_one(files, coming) for name, files in members.items()}
    running = [one.model_copy(update={"model": models[one.name]}) for one in spec.running]
    return spec.model_copy(update={"members": tuple(running)})


def _unpack_one(files: Sequence[Packed], coming: Iterator[bytes]) -> Path:
    content = hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"seg-models-{getpass.getuser()}" / content
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(folder / "lock"):
        for file in files:
            data, path = next(coming), folder / file.name
            # Whatever lies there was not checked by anyone yet, and may be cut off.
            if not path.exists() or sha256_of(path) != file.sha256:
                with atomic_path(path) as temporary:
                    temporary.write_bytes(data)
    return folder / files[0].name
