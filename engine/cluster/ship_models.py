"""Shipping of model files to other machines, where each file is written once for all workers."""

import getpass
import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from seg.engine.runtimes.tensorrt.plan_file import plan_record_path, plan_records_beside
from seg.files.atomic import atomic_path, sha256_of
from seg.models.safety import external_weights_beside, load_safe_onnx
from seg.spec import EnsembleSpec, MemberSpec


@dataclass(frozen=True, slots=True)
class ShippedFile:
    """A shipped file of a model: its name and the SHA-256 of its bytes."""

    name: str
    sha256: str


def model_files_to_ship(spec: EnsembleSpec, member: MemberSpec) -> list[Path]:
    """A member's model, the files of its external weights, and its TensorRT plans if it runs on one.

    Raises:
        ModelError: the model is missing or not an ONNX file, or a plan's record is damaged.
    """
    model = spec.model(member)
    weights = [model.parent / name for name in sorted(external_weights_beside(load_safe_onnx(model)))]
    # Each machine uses the plan that was built for its GPU.
    plans = plan_records_beside(model) if spec.runtime == "tensorrt-plan" else ()
    plan_files = [path for plan in plans for path in (plan, plan_record_path(plan)) if path.exists()]
    return [model, *weights, *plan_files]


def pack_models(spec: EnsembleSpec) -> tuple[dict[str, list[ShippedFile]], list[Path]]:
    """The model files of a spec as `unpack_models` takes them: names with hashes, and paths in order."""
    files = {member.name: model_files_to_ship(spec, member) for member in spec.running}
    packed = {
        name: [ShippedFile(path.name, sha256_of(path)) for path in paths] for name, paths in files.items()
    }
    return packed, [path for paths in files.values() for path in paths]


def unpack_models(
    spec: EnsembleSpec, members: Mapping[str, Sequence[ShippedFile]], contents: Sequence[bytes]
) -> EnsembleSpec:
    """Write the model files that this machine does not have; returns the spec with their local paths."""
    remaining = iter(contents)
    models = {name: _unpack_model(files, remaining) for name, files in members.items()}
    running = [one.model_copy(update={"model": models[one.name]}) for one in spec.running]
    return spec.model_copy(update={"members": tuple(running)})


def _unpack_model(files: Sequence[ShippedFile], remaining: Iterator[bytes]) -> Path:
    content = hashlib.sha256("".join(file.sha256 for file in files).encode()).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"seg-models-{getpass.getuser()}" / content
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with FileLock(folder / "lock"):
        for file in files:
            data, path = next(remaining), folder / file.name
            # An existing file may be truncated, so it is checked.
            if not path.exists() or sha256_of(path) != file.sha256:
                with atomic_path(path) as temporary:
                    temporary.write_bytes(data)
    return folder / files[0].name
