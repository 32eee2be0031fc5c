"""Importers: pycocotools reads the known pixels of each object, and what is dropped is counted."""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet
from pycocotools.coco import COCO
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data import open_split
from seg.data.guess import guess_dataset
from seg.data.importers import FORMATS, import_dataset, parse_import_format
from seg.errors import DataError, OutputError, SpecError
from seg.labels.label_map import IGNORE_INDEX
from seg.spec import load_dataset
from tests.data.importers.sources import HEIGHT, SOURCES, WIDTH, image_at, json_at, square_hw

SQUARE = {"polygon": square_hw()}


def brush_hw() -> Any:
    mask_hw = np.zeros((5, 7), dtype=np.bool_)
    mask_hw[1:3, 2:6] = mask_hw[4, 0] = True
    return mask_hw


def cvat_mask_hw() -> Any:
    """Counts 5 4 1 5 0 3 in a box of 6x3 pixels at (1, 1): row by row, the first of pixels outside."""
    mask_hw = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    mask_hw[1:4, 1:7] = np.array([0] * 5 + [1] * 4 + [0] + [1] * 5 + [1] * 3, dtype=bool).reshape(3, 6)
    return mask_hw


def holed_hw() -> Any:
    mask_hw = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    mask_hw[:7, :10] = True
    return mask_hw & ~square_hw()


EXPECTED: dict[str, dict[str, Any]] = {
    "labelme": {
        "classes": {"mask": 1, "polygon": 2, "rectangle": 3},
        "train": {**SQUARE, "rectangle": square_hw(), "mask": square_hw()},
        "dropped": {
            "JSON without shapes": 1,
            "JSON without its image": 1,
            "point, which has no area": 1,
            "outline with too few points, or far outside the image": 1,
        },
    },
    "label-studio": {
        "classes": {"brush": 1, "polygon": 2, "rectangle": 3},
        "train": {**SQUARE, "rectangle": square_hw(), "brush": brush_hw()},
        "dropped": {"keypointlabels result": 1, "task whose image is not there": 1},
    },
    "cvat": {
        "classes": {"polygon": 1, "box": 2, "mask": 3},
        "val": {**SQUARE, "box": square_hw(), "mask": cvat_mask_hw()},
        "dropped": {
            "polyline, which has no area": 1,
            "image that is not there": 1,
            "track of a video": 1,
        },
    },
    "via": {
        "classes": {"polygon": 1, "rect": 2},
        "train": {**SQUARE, "rect": square_hw()},
        "dropped": {
            "JSON without regions of VIA": 1,
            "point, which has no area": 1,
            "region without a class": 1,
            "image that is not there, or not the only one of its name": 1,
        },
    },
    "yolo": {
        "classes": {"box": 1, "polygon": 2},
        "train": SQUARE,
        "val": {},
        "dropped": {
            "box without an outline": 1,
            "image without a file of labels (kept as empty)": 1,
        },
    },
    "supervisely": {
        "classes": {"polygon": 1, "bitmap": 2, "holed": 3},
        "train": {**SQUARE, "bitmap": square_hw(), "holed": holed_hw()},
        "dropped": {"line, which has no area": 1, "JSON without its image": 1},
    },
    "mapillary": {
        "classes": {"Bird": 0, "polygon": 1},
        "train": {**SQUARE, "Bird": ~square_hw() & (np.arange(HEIGHT) < 7)[:, None]},
        "predict": {},
        "dropped": {"class of an image that is not evaluated (unlabelled)": 1},
    },
    "geojson": {
        "classes": {"holed": 1, "land": 2, "polygon": 3},
        "train": {**SQUARE, "land": square_hw(), "holed": holed_hw()},
        "dropped": {"Point, which has no area": 1},
    },
    "huggingface": {
        "classes": {"other": 10, "polygon": 7},
        "train": SQUARE,
        "val": SQUARE,
        "dropped": {},
    },
}


def masks_in(annotations: Path) -> tuple[dict[str, int], dict[str, Any]]:
    """The classes, and the mask of each class, as pycocotools reads them."""
    coco = COCO(annotations)
    classes = {one["name"]: one["id"] for one in coco.dataset["categories"]}
    name_of = {number: name for name, number in classes.items()}
    masks = {}
    for one in coco.dataset["annotations"]:
        mask_hw = coco.annToMask(one).astype(bool)
        assert one["area"] == mask_hw.sum()
        assert name_of[one["category_id"]] not in masks
        masks[name_of[one["category_id"]]] = mask_hw
    return classes, masks


def test_every_format_is_tried() -> None:
    assert set(SOURCES) == set(EXPECTED) == set(FORMATS)


@pytest.mark.parametrize("form", FORMATS)
def test_pycocotools_reads_what_the_tool_meant(tmp_path: Path, form: str) -> None:
    SOURCES[form](tmp_path / "in")
    report = import_dataset(parse_import_format(form), tmp_path / "in", tmp_path / "deep/out")
    expected = EXPECTED[form]
    assert dict(report.dropped) == expected["dropped"]
    for split in ("train", "val", "predict"):
        assert (split in report.images) == (split in expected)
        if split in expected:
            classes, masks = masks_in(tmp_path / f"deep/out/{split}.json")
            assert classes == expected["classes"]
            assert_same_masks(masks, expected[split])
            images = json.loads((tmp_path / f"deep/out/{split}.json").read_text())["images"]
            for one in images:
                with Image.open(tmp_path / "deep/out" / one["file_name"]) as image:
                    assert image.size == (one["width"], one["height"])


def assert_same_masks(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, mask_hw in expected.items():
        np.testing.assert_array_equal(found[name], mask_hw, err_msg=name)


@pytest.mark.parametrize("form", FORMATS)
def test_the_yaml_is_a_dataset(tmp_path: Path, form: str) -> None:
    SOURCES[form](tmp_path / "in")
    done = CliRunner().invoke(app, ["data", "import", form, str(tmp_path / "in"), str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    dataset = load_dataset(tmp_path / "out/dataset.yaml")
    split = open_split(dataset, "val" if form == "cvat" else "train")
    masks = EXPECTED[form]["val" if form == "cvat" else "train"]
    masks = [mask_hw for name, mask_hw in masks.items() if name not in ("brush", "land")]
    names = [c.name for c in split.classes]
    unlabelled = names.index("background") if "background" in names else IGNORE_INDEX
    assert (unlabelled == IGNORE_INDEX) == (form in ("mapillary", "huggingface"))
    np.testing.assert_array_equal(split.labels(0) != unlabelled, np.any(masks, axis=0))


@pytest.mark.parametrize("form", FORMATS)
def test_what_seg_did_not_write_is_not_replaced(tmp_path: Path, form: str) -> None:
    SOURCES[form](tmp_path / "in")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="was not written by seg"):
        import_dataset(parse_import_format(form), tmp_path / "in", tmp_path / "out")
    with pytest.raises(OutputError, match="what this command reads"):
        import_dataset(parse_import_format(form), tmp_path / "in", tmp_path, overwrite=True)
    assert (tmp_path / "out/mine.txt").read_text() == "mine"


@pytest.mark.parametrize("form", FORMATS)
def test_a_folder_of_something_else_is_one_line(tmp_path: Path, form: str) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError) as caught:
        import_dataset(parse_import_format(form), tmp_path / "in", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


BITMAP = (
    b'{"objects": [{"geometryType": "bitmap", "classTitle": "a",'
    b' "bitmap": {"data": "eA==", "origin": [0, 0]}}]}'
)

HUGE_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes.fromhex("0000ea60 0000ea60 08 00000000")
HUGE_PNG += zlib.crc32(HUGE_PNG[12:]).to_bytes(4)
"""Claims 60,000 x 60,000 pixels, which Pillow refuses with an error of its own kind."""

EXPLODING = b"a: &a [x]\nb: &b [" + b"*a," * 200 + b"]\nc: &c [" + b"*b," * 200 + b"]\nnames: *c\n"


def masked(data: bytes) -> bytes:
    mask = base64.b64encode(data).decode()
    shape = {"label": "a", "shape_type": "mask", "points": [[0, 0]], "mask": mask}
    return json.dumps({"imagePath": "a.jpg", "shapes": [shape]}).encode()


SPOILT: list[tuple[str, str, bytes, str]] = [
    ("labelme", "a.json", b"{", r"a\.json: is not JSON"),
    ("labelme", "a.json", b'{"shapes": [{}], "imagePath": "a.jpg"}', "is not as labelme writes it"),
    ("labelme", "a.json", b'{"shapes": 7, "imagePath": "a.jpg"}', "is not as labelme writes it"),
    ("labelme", "a.jpg", b"no image", r"a\.jpg: "),
    ("labelme", "a.json", masked(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), "a mask is cut off"),
    ("labelme", "a.json", masked(HUGE_PNG), "a mask is cut off or damaged"),
    ("label-studio", "project-1.json", b"{}", "is not a list of tasks"),
    ("label-studio", "project-1.json", b"[7]", "task 0: is not as Label Studio writes it"),
    ("cvat", "annotations.xml", b"<a>", "is not XML"),
    ("via", "via_project.json", b"{", r"via_project\.json: is not JSON"),
    ("via", "via_project.json", b'{"a.jpg": {"regions": [7], "filename": "a.jpg"}}', "is not as VIA"),
    ("via", "via_project.json", b'{"a.jpg": {"regions": []}}', "VIA writes it: KeyError: 'filename'"),
    ("via", "via_export.csv", b"\xff,\n", "is not a CSV in UTF-8"),
    ("via", "images/a.jpg", b"no image", r"a\.jpg: "),
    ("yolo", "data.yaml", b"names: [", r"data\.yaml:1: not valid YAML"),
    ("yolo", "data.yaml", b"names: [" + b"9" * 5000 + b"]", "is no value"),
    ("yolo", "data.yaml", EXPLODING, "more than 10000 values, those that aliases repeat"),
    ("yolo", "data.yaml", b"train: x", "is not as YOLO writes it"),
    ("yolo", "data.yaml", b"train: x\nnames: [a]", "its train folder x is not there"),
    ("yolo", "train/labels/a.txt", b"9 0 0 1 0 1 1", r"a\.txt:1: .*class 9 of 2"),
    ("yolo", "train/labels/a.txt", b"1 0 0 1 0 1 1 1", r"a\.txt:1: "),
    ("supervisely", "meta.json", b"[]", "is not as Supervisely writes it"),
    ("supervisely", "train/ann/a.jpg.json", BITMAP, "a mask is cut off or damaged"),
    ("mapillary", "config_v1.2.json", b'{"labels": [{}]}', "is not as Mapillary writes it"),
    ("mapillary", "training/v1.2/labels/a.png", b"no png", r"a\.png: "),
    ("geojson", "a.json", b'{"a": 1}', "is not as GeoJSON writes it"),
    ("huggingface", "data/train-00000-of-00001.parquet", b"no parquet", "is not parquet"),
    ("huggingface", "id2label.json", b'{"a": 1}', "is not as Hugging Face writes it"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "file", "content", "problem"), SPOILT)
def test_a_spoilt_file_is_one_line_and_nothing_is_written(
    tmp_path: Path, form: str, file: str, content: bytes, problem: str
) -> None:
    SOURCES[form](tmp_path / "in")
    (tmp_path / "in" / file).write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        import_dataset(parse_import_format(form), tmp_path / "in", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_cell_that_unpacks_to_very_much_is_refused(tmp_path: Path) -> None:
    row = {"image": {"bytes": b"x"}, "label": {"bytes": bytes(2**26 + 1)}}
    parquet.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet", compression="zstd")
    with pytest.raises(DataError, match=r"'label\.bytes' unpacks from \d+ to \d+ bytes"):
        import_dataset("huggingface", tmp_path, tmp_path / "out")


def test_an_unknown_format_names_the_nearest() -> None:
    with pytest.raises(SpecError, match="did you mean 'labelme'"):
        parse_import_format("label-me")


def test_training_images_are_held_out_where_none_are_for_validation(tmp_path: Path) -> None:
    outline = {"label": "crack", "points": [[1, 1], [9, 1], [9, 6]], "shape_type": "polygon"}
    for number in range(10):
        image_at(tmp_path / f"in/{number}.png")
        json_at(tmp_path / f"in/{number}.json", {"shapes": [outline], "imagePath": f"{number}.png"})
    import_dataset("labelme", tmp_path / "in", tmp_path / "out")
    dataset = load_dataset(tmp_path / "out/dataset.yaml")
    images = [{sample.id for sample in open_split(dataset, name).samples} for name in ("train", "val")]
    assert [len(ids) for ids in images] == [8, 2]
    assert not set.intersection(*images)


def test_blocks_are_held_out_of_a_single_large_image(tmp_path: Path) -> None:
    square = [[100, 100], [500, 100], [500, 600], [100, 600], [100, 100]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [square]}}
    feature["properties"] = {"classification": {"name": "gland"}}
    (tmp_path / "slides").mkdir()
    Image.new("RGB", (1300, 1100)).save(tmp_path / "slides/a.png")
    (tmp_path / "slides/a.json").write_text(json.dumps([feature]))
    import_dataset("geojson", tmp_path / "slides", tmp_path / "out")
    assert "val: { tiles: 0.2, block: 256 }" in (tmp_path / "out/dataset.yaml").read_text()
    data = load_dataset(tmp_path / "out/dataset.yaml")
    assert open_split(data, "train").labels(0).shape == (1100, 1300)
    regions = [sample.region for sample in open_split(data, "val").samples]
    assert regions and all(region and max(region.size_hw) <= 256 for region in regions)


OUTLINE = {"label": "crack", "points": [[1, 1], [9, 1], [9, 6]], "shape_type": "polygon"}


def test_labelme_folders_are_splits_and_images_may_be_elsewhere(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        image_at(tmp_path / f"in/{split}/images/{split}.png")
        path = tmp_path / f"in/{split}/labels/{split}.json"
        json_at(path, {"shapes": [OUTLINE], "imagePath": f"..\\images\\{split}.png", "imageData": None})
    assert guess_dataset(tmp_path / "in").import_format == "labelme"
    report = import_dataset("labelme", tmp_path / "in", tmp_path / "out")
    assert report.images == {"train": 1, "val": 1}


@pytest.mark.parametrize("names", ["obj.names", "classes.txt"])
def test_yolo_exports_without_a_yaml_have_a_list_of_names(names: str, tmp_path: Path) -> None:
    """A folder `images` is that of images, and not the word in a file's name."""
    source = tmp_path / "in"
    for folder in ("train", "val"):
        image_at(source / f"images/{folder}/images_{folder}.png")
        text = source / f"labels/{folder}/images_{folder}.txt"
        text.parent.mkdir(parents=True)
        text.write_text("1 0.1 0.1 0.9 0.1 0.9 0.9\n")
    (source / names).write_text("cat\ndog\n")
    report = import_dataset("yolo", source, tmp_path / "out")
    assert (report.objects, list(report.classes)) == ({"train": 1, "val": 1}, ["cat", "dog"])


def test_yolo_lists_of_images_and_a_yaml_of_any_name(tmp_path: Path) -> None:
    source = tmp_path / "in"
    image_at(source / "images/a.png")
    (source / "labels").mkdir()
    (source / "labels/a.txt").write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n")
    (source / "train.txt").write_text("./images/a.png\n")
    (source / "cats.yaml").write_text("train: train.txt\ntest: nowhere\nnames: [cat]\n")
    report = import_dataset("yolo", source, tmp_path / "out")
    assert (report.objects, report.dropped) == ({"train": 1}, {"folder of test images that is not there": 1})
    (source / "dogs.yaml").write_text("train: train.txt\nnames: [dog]\n")
    with pytest.raises(DataError, match=r"data\.yaml: is not there: write it"):
        import_dataset("yolo", source, tmp_path / "other")


def test_deep_images_get_a_range(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray((np.arange(96).reshape(8, 12) * 40).astype(np.uint16)).save(tmp_path / "in/a.png")
    json_at(tmp_path / "in/a.json", {"shapes": [OUTLINE], "imagePath": "a.png", "imageData": None})
    import_dataset("labelme", tmp_path / "in", tmp_path / "out")
    assert load_dataset(tmp_path / "out/dataset.yaml").pixel_range is not None


@pytest.mark.parametrize("form", ["labelme", "cvat", "supervisely"])
def test_labels_that_were_drawn_on_another_size_are_refused(form: str, tmp_path: Path) -> None:
    """Their outlines are in pixels, so an image that was scaled since would be labelled elsewhere."""
    size = {"width": WIDTH, "height": HEIGHT}
    (tmp_path / "in").mkdir()
    if form == "supervisely":
        image = image_at(tmp_path / "in/ds/img/a.png", WIDTH - 1)
        json_at(tmp_path / "in/meta.json", {"classes": [{"title": "crack"}]})
        json_at(tmp_path / "in/ds/ann/a.png.json", {"size": size, "objects": []})
    elif form == "labelme":
        image = image_at(tmp_path / "in/a.png", WIDTH - 1)
        shapes = {"shapes": [OUTLINE], "imagePath": "a.png", "imageHeight": HEIGHT, "imageWidth": WIDTH}
        json_at(tmp_path / "in/a.json", shapes)
    else:
        image = image_at(tmp_path / "in/a.png", WIDTH - 1)
        entry = f'<image name="a.png" width="{WIDTH}" height="{HEIGHT}"></image>'
        (tmp_path / "in/annotations.xml").write_text(f"<annotations>{entry}</annotations>")
    problem = f"{image}: is {WIDTH - 1}x{HEIGHT}, and its labels were drawn on {WIDTH}x{HEIGHT} pixels"
    with pytest.raises(DataError, match=re.escape(problem)):
        import_dataset(parse_import_format(form), tmp_path / "in", tmp_path / "out")
