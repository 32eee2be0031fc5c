"""Every kind of file that a spec reads is known as such, so that no output replaces it."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper

from seg.data.files_read import files_read_by_spec
from seg.data.images.images import write_image
from seg.errors import OutputError
from seg.files.outputs import Output
from seg.spec import load_dataset, load_ensemble
from seg.spec.recipe.sweep import load_sweep

CLASSES = ["ground", "paper"]
MATRIX = [[0.0, 0.0], [0.0, 0.0]]
IMAGES: dict[str, Any] = {"images": "images"}
FINISHED: dict[str, Any] = {"name": "a", "model": "a.onnx"}


def masks(where: Any, **keys: Any) -> dict[str, Any]:
    return {"data": {"train": IMAGES | {"masks": where}, "classes": CLASSES} | keys}


def members(**keys: Any) -> dict[str, Any]:
    return {"data": {"train": IMAGES, "classes": CLASSES}, "members": [{"name": "a"} | keys]}


KINDS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "the dataset's YAML": ("data.yaml", {"data": "data.yaml"}),
    "a class list of text": ("classes.txt", masks("masks", classes="classes.txt")),
    "a class list of a table": ("class_dict.csv", masks("masks", classes="class_dict.csv")),
    "an image": ("images/0.png", {}),
    "an array among images": ("images/deep/0.npy", {}),
    "a DICOM file among images": ("images/deep/0.dcm", {}),
    "an image of a pattern": ("other/aachen/0.png", {"data": {"val": {"images": "other/{city}/*.png"}}}),
    "an image in a list": ("far/0.png", {"data": {"predict": {"images": "images.txt"}}}),
    "a list of images": ("images.txt", {"data": {"predict": {"images": "images.txt"}}}),
    "a list that chooses": ("val.csv", {"data": {"val": IMAGES | {"list": "val.csv"}}}),
    "a COCO JSON": ("coco.json", {"data": {"train": IMAGES | {"annotations": "coco.json"}}}),
    "a mask in a folder": ("masks/0.png", masks("masks")),
    "a mask of a pattern": ("masks/aachen/0.png", masks("masks/{folder}/{stem}.png")),
    "a mask of one class": ("masks/paper/0.png", masks({"of_class": {"paper": "masks/paper"}})),
    "a table of run lengths": ("train.csv", {"data": {"train": IMAGES | {"labels": "train.csv"}}}),
    "a table of groups": ("who.csv", {"data": {"group": {"table": "who.csv", "column": "patient"}}}),
    "a pseudo-label": ("pseudo/0.png", {"data": {"pseudo": {"images": "far", "masks": "pseudo"}}}),
    "an image without label": ("far/0.png", {"data": {"pseudo": {"images": "far", "masks": "pseudo"}}}),
    "an image of the student": ("far/0.png", {"student": {"images": "far"}}),
    "a sample submission": ("sample.csv", {"output": {"sample": "sample.csv"}}),
    "a metric's function": ("metric.py", {"metric": "metric.py:score"}),
    "a stacking": ("stacking.yaml", {"stacking": "stacking.yaml"}),
    "pretrained weights": ("encoder.pth", {"recipe": {"encoder_weights": "encoder.pth"}}),
    "a member's pretrained weights": ("encoder.pth", members(encoder_weights="encoder.pth")),
    "a model": ("a.onnx", {}),
    "external weights": ("a.onnx.data", {}),
    "a trained model": ("runs/a/model.onnx", members()),
    "a checkpoint": ("best.pth", members(checkpoint="best.pth")),
    "a file of a checkpoint's folder": ("hub/config.json", members(checkpoint="hub")),
    "a network in ONNX": ("a.onnx", members(onnx="a.onnx")),
    "external weights of such a network": ("a.onnx.data", members(onnx="a.onnx")),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file of every kind."""
    for path, _ in KINDS.values():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".png":
            write_image(file, np.zeros((2, 3, 3), np.uint8))
        elif not file.exists():
            file.write_text("somebody's work")
    dataset = {"train": IMAGES, "classes": CLASSES}
    (tmp_path / "data.yaml").write_text(json.dumps(dataset))
    (tmp_path / "classes.txt").write_text("ground\npaper\n")
    (tmp_path / "class_dict.csv").write_text("name,r,g,b\nground,0,0,0\npaper,1,2,3\n")
    (tmp_path / "images.txt").write_text("far/0.png\n")
    stacking = {"classes": CLASSES, "constants": [0.0, 0.0], "matrices": {"a": MATRIX}}
    (tmp_path / "stacking.yaml").write_text(json.dumps(stacking))
    _write_model_with_external_weights(tmp_path / "a.onnx", "a.onnx.data")
    return tmp_path


def _write_model_with_external_weights(path: Path, name: str) -> None:
    node = helper.make_node("Add", ["image", "weights"], ["sum"])
    values = [helper.make_tensor_value_info(one, TensorProto.FLOAT, [1024]) for one in ("image", "sum")]
    weights = numpy_helper.from_array(np.zeros(1024, np.float32), "weights")
    model = helper.make_model(helper.make_graph([node], "sum", values[:1], values[1:], [weights]))
    external_data_helper.convert_model_to_external_data(model, location=name)
    path.with_name(name).unlink(missing_ok=True)
    onnx.save(model, path)


def _write_ensemble(folder: Path, changed: Mapping[str, Any]) -> Path:
    document = {"data": {"train": IMAGES, "classes": CLASSES}, "members": [FINISHED]} | dict(changed)
    if isinstance(document["data"], dict):
        document["data"] = {"train": IMAGES, "classes": CLASSES} | document["data"]
    (folder / "ensemble.yaml").write_text(json.dumps(document))
    return folder / "ensemble.yaml"


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        (kind, named)
        for kind, (file, _) in KINDS.items()
        for named in ("itself", "symbolic link", "other path", "hard link")
        # A hard link to an image stays when another name of it is replaced.
        if named != "hard link" or Path(file).suffix not in {".png", ".npy", ".dcm"}
    ],
)
def test_no_output_replaces_what_an_ensemble_reads(folder: Path, kind: str, named: str) -> None:
    file, changed = KINDS[kind]
    read = folder / file
    reads = files_read_by_spec(load_ensemble(_write_ensemble(folder, changed)))
    output = folder / f"output{read.suffix}"
    if named == "itself":
        output = read
    elif named == "hard link":
        output.hardlink_to(read)
    elif named == "symbolic link":
        output.symlink_to(read)
    else:
        output = Path(os.path.relpath(read.parent.parent, Path.cwd()), read.parent.name, ".", read.name)
    before = read.read_bytes()
    with pytest.raises(OutputError, match="is what this command reads"):
        Output(output, reads, overwrite=True).check()
    assert read.read_bytes() == before


def test_the_ensemble_itself_is_read(folder: Path) -> None:
    path = _write_ensemble(folder, {})
    with pytest.raises(OutputError, match="is what this command reads"):
        Output(path, files_read_by_spec(load_ensemble(path)), overwrite=True).check()


@pytest.mark.parametrize("kind", ["a class list of text", "a mask of a pattern", "an image in a list"])
def test_a_dataset_and_a_sweep_read_the_same(folder: Path, kind: str) -> None:
    file, changed = KINDS[kind]
    data = {"train": IMAGES, "classes": CLASSES} | changed["data"]
    (folder / "dataset.yaml").write_text(json.dumps(data))
    (folder / "sweep.yaml").write_text(json.dumps({"data": data, "grid": {"epochs": [1]}}))
    for spec in (load_dataset(folder / "dataset.yaml"), load_sweep(folder / "sweep.yaml")):
        with pytest.raises(OutputError, match="is what this command reads"):
            Output(folder / file, files_read_by_spec(spec), overwrite=True).check()


def test_what_is_written_is_not_read(folder: Path) -> None:
    changed = {"output": {"file": "submission.csv"}}
    reads = files_read_by_spec(load_ensemble(_write_ensemble(folder, changed)))
    assert folder / "submission.csv" not in reads
    assert folder / "runs" not in reads


def test_files_of_masks_named_beside_images_are_in_their_folder(folder: Path) -> None:
    spec = load_ensemble(_write_ensemble(folder, masks("{stem}_mask.png")))
    (folder / "images/0_mask.png").write_text("a mask")
    Output(Path.cwd() / "overlay.png", files_read_by_spec(spec)).check()
    with pytest.raises(OutputError, match="is what this command reads"):
        Output(folder / "images/0_mask.png", files_read_by_spec(spec), overwrite=True).check()


def test_lists_that_cannot_be_read_hide_nothing_else(folder: Path) -> None:
    path = _write_ensemble(folder, {"data": {"predict": {"images": "images.txt"}}})
    (folder / "images.txt").write_bytes(b"\xff\xfe\0")
    reads = files_read_by_spec(load_ensemble(path))
    assert {folder / "images.txt", folder / "a.onnx", path} <= set(reads)
