"""A folder with models, spec, wheels and scripts, from which an ensemble predicts without internet."""

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import Final

import seg
from seg.data.files_read import files_read_by_spec
from seg.engine.member_files import MemberFile, read_member_files
from seg.errors import ModelError, SpecError
from seg.export.bundle.fused_model import fuse_to_model
from seg.export.bundle.request import BundleRequest
from seg.export.bundle.wheels import download_wheels
from seg.files.atomic import sha256_of, write_text
from seg.files.outputs import Output, output_folder
from seg.models.safety import external_weights_beside, load_safe_onnx
from seg.spec import EnsembleSpec, MemberSpec
from seg.spec.dataset.class_entry import ClassEntry
from seg.spec.dataset.dataset import DatasetSpec
from seg.spec.dataset.split import SplitSpec
from seg.spec.yaml.save import save_spec

MANIFEST: Final = "manifest.json"
SCRIPTS: Final = ("install.sh", "predict.py", "predict.ipynb")

PREDICTING: Final = frozenset(
    {
        "views",
        "merge",
        "merge_at",
        "class_factors",
        "stacking",
        "decision",
        "stopping",
        "tile",
        "runtime",
        "batch_size",
    }
)
"""The keys of a spec that say how it predicts."""

OF_PASSES: Final = frozenset({"views", "merge", "merge_at", "stacking", "stopping"})
"""Those that a fused model has no use for."""

FUSED: Final = "ensemble"
"""The name of a fused model, as a member."""

_VARIABLE: Final = re.compile(r"[*?\[{]")
"""What a part of a pattern of images has, and a folder has not."""

MERGING: Final = frozenset({"weight", "class_weights", "covers", "temperature", "views"})
"""The same for a member."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was written: sizes in bytes."""

    folder: Path
    models: int
    wheels: int


def write_bundle(
    spec: EnsembleSpec,
    folder: Path,
    request: BundleRequest,
    *,
    fused: bool = False,
    overwrite: bool = False,
    reads: Sequence[Path] = (),
) -> Bundle:
    """Write the folder; it is complete or absent.

    Args:
        fused: write one model of the whole ensemble instead of its members.
        overwrite: also replace a folder that seg did not write.
        reads: further files that must not be overwritten, such as the spec itself.

    Raises:
        ModelError: a member is not exported.
        SpecError: with `fused`, the ensemble cannot be fused.
        OutputError: the folder cannot be written, or is not seg's.
        SegError: the wheels cannot be downloaded.
    """
    members = read_member_files(spec)
    target = Output(folder, (*reads, *files_read_by_spec(spec)), overwrite, is_folder=True)
    with target.writing() as final, output_folder(final) as unfinished:
        bundled = _spec_of_bundle(spec, members, unfinished.absolute())
        if fused:
            bundled = _fuse_bundle(spec, bundled, unfinished.absolute())
        else:
            for member, file in zip(spec.running, members, strict=True):
                _copy_model_to_bundle(file.path, unfinished / "models" / member.name)
        save_spec(bundled, unfinished / "ensemble.yaml")
        for name in SCRIPTS:
            write_text(unfinished / name, files("seg.export.bundle").joinpath("files", name).read_text())
        (unfinished / "wheels").mkdir()
        download_wheels(unfinished / "wheels", request)
        _write_manifest(unfinished, request)
        sizes = [_size_of_bundle(unfinished / part) for part in ("models", "wheels")]
    return Bundle(folder, *sizes)


def _copy_model_to_bundle(model: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    shutil.copyfile(model, folder / "model.onnx")
    for name in external_weights_beside(load_safe_onnx(model)):
        try:
            shutil.copyfile(model.parent / name, folder / name)
        except FileNotFoundError as error:
            raise ModelError(
                f"{model}: its weights are missing: there is no {model.parent / name}"
            ) from error


def _spec_of_bundle(spec: EnsembleSpec, members: Sequence[MemberFile], folder: Path) -> EnsembleSpec:
    """What the spec says about predicting, on the bundle's models.

    Images, list and sample have the names by which `predict.py` links to them.
    """
    sample = {"sample": folder / "sample_submission.csv"} if spec.output.sample else {}
    return EnsembleSpec(
        data=_dataset_of_bundle(spec, members[0], folder),
        members=tuple(_bundled_member(member, folder) for member in spec.running),
        output=spec.output.model_copy(update={"file": folder / "submission.csv", **sample}),
        runs=folder / "runs",
        **{key: getattr(spec, key) for key in PREDICTING & spec.model_fields_set},
    )


def _fuse_bundle(spec: EnsembleSpec, bundled: EnsembleSpec, folder: Path) -> EnsembleSpec:
    """Write the ensemble as one model; the bundle's spec with that model as its only member."""
    member = _bundled_member(MemberSpec(name=FUSED), folder)
    model = bundled.model(member)
    model.parent.mkdir(parents=True)
    fuse_to_model(spec, FUSED, model)
    kept = {key: getattr(bundled, key) for key in bundled.model_fields_set - OF_PASSES}
    return EnsembleSpec(**kept | {"members": (member,)})


def _bundled_member(member: MemberSpec, folder: Path) -> MemberSpec:
    said = {key: getattr(member, key) for key in MERGING & member.model_fields_set}
    return MemberSpec(name=member.name, model=folder / "models" / member.name / "model.onnx", **said)


def _dataset_of_bundle(spec: EnsembleSpec, first: MemberFile, folder: Path) -> DatasetSpec:
    return DatasetSpec(
        task=spec.data.task,
        predict=_hidden_images(spec.data.predict, folder),
        classes=tuple(ClassEntry(name=c.name, id=c.id, colour=c.colour) for c in first.card.classes),
        unlabelled=spec.data.unlabelled,
    )


def _hidden_images(known: SplitSpec | None, folder: Path) -> SplitSpec:
    """The images that are linked beside the spec, found and named as those of the spec are.

    Raises:
        SpecError: they lie in several folders.
    """
    if known is None:
        return SplitSpec(images=(folder / "images",))
    if len(known.images) > 1:
        raise SpecError("data: predict: images: a bundle predicts one folder: name a pattern")
    lists = {
        key: folder / f"list{path.suffix}" for key in ("annotations", "list") if (path := getattr(known, key))
    }
    pattern = takewhile(lambda part: _VARIABLE.search(part) is None, known.images[0].parts)
    rest = known.images[0].parts[len(tuple(pattern)) :]
    return SplitSpec(images=(Path(folder, "images", *rest),), id=known.id, **lists)


def _write_manifest(folder: Path, request: BundleRequest) -> None:
    listed = sorted(path for path in folder.rglob("*") if path.is_file())
    hashes = {path.relative_to(folder).as_posix(): sha256_of(path) for path in listed}
    manifest = {"seg": seg.__version__, **asdict(request), "sha256": hashes}
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")


def _size_of_bundle(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
