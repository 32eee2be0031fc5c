"""Submission formats: what is written reads back, and other libraries read the same."""

import csv
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from seg.engine.submissions import LabelledImage, SubmissionFormat, open_submission_format
from seg.errors import DataError, OutputError
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.spec.ensemble.output import Format, OutputSpec
from tests.engine.tiny_models import CLASSES

CLASS_IDS = np.array([c.id for c in CLASSES])
FORMATS: tuple[Format, ...] = tuple(name for name in get_args(Format) if name != "geotiff")
"""All but the one that takes something over from images, which has tests of its own."""
RESULT = '{"image_id": "x", "category_id": 1, "segmentation": {"size": [2, 3], "counts": [0, 6]}}'
SCORED = RESULT[:-1] + ', "score": %s}'
STYLES: list[dict[str, Any]] = [
    {"rle": {"order": order, "first": first}, "empty": empty}
    for order in ("columns", "rows")
    for first in (0, 1)
    for empty in ("", "-", "-1", "1 0")
]


def form_of(name: Format, **style: Any) -> SubmissionFormat:
    return open_submission_format(OutputSpec(format=name, **style), CLASSES, "ground", str)


def images_of(seed: int, count: int = 3) -> list[LabelledImage]:
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 9, (count, 2)).tolist()
    return [
        (f"street_{number}", random.integers(0, len(CLASSES), size, dtype=np.uint8))
        for number, size in enumerate(sizes)
    ]


def read_back(form: SubmissionFormat, path: Path, images: Sequence[LabelledImage]) -> Iterator[LabelledImage]:
    sizes = {image_id: labels_hw.shape for image_id, labels_hw in images}
    return form.read(path, lambda image_id: sizes[image_id])


def assert_same(found: Sequence[LabelledImage], expected: Sequence[LabelledImage]) -> None:
    assert [image_id for image_id, _ in found] == [image_id for image_id, _ in expected]
    for (_, labels_hw), (_, truth_hw) in zip(found, expected, strict=True):
        assert labels_hw.dtype == np.uint8
        np.testing.assert_array_equal(labels_hw, truth_hw)


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 999))
def test_reading_undoes_writing(tmp_path_factory: pytest.TempPathFactory, name: Format, seed: int) -> None:
    path = tmp_path_factory.mktemp("out") / "submission"
    images = images_of(seed)
    form = form_of(name)
    form.write(path, images)
    found = list(read_back(form, path, images))
    if name == "coco":
        images = [image for image in images if image[1].any()]
    assert_same(found, images)


@pytest.mark.parametrize("name", ["kaggle", "kaggle-per-image"])
@pytest.mark.parametrize("style", STYLES, ids=str)
def test_every_style_of_run_lengths_reads_back(tmp_path: Path, name: Format, style: dict[str, Any]) -> None:
    images = images_of(5)
    form = form_of(name, **style)
    form.write(tmp_path / "a.csv", images)
    assert_same(list(read_back(form, tmp_path / "a.csv", images)), images)


def test_styles_differ_as_they_say(tmp_path: Path) -> None:
    labels_hw: LabelsHW = np.array([[1, 1, 0], [0, 1, 0]], dtype=np.uint8)

    def runs(**style: Any) -> list[str]:
        form_of("kaggle", **style).write(tmp_path / "a.csv", [("x", labels_hw)])
        with (tmp_path / "a.csv").open(newline="") as file:
            return [row["EncodedPixels"] for row in csv.DictReader(file)]

    assert runs() == ["2 1 5 2", "1 1 3 2", "", ""]
    assert runs(rle={"first": 0}) == ["1 1 4 2", "0 1 2 2", "", ""]
    assert runs(rle={"order": "rows"}) == ["3 2 6 1", "1 2 5 1", "", ""]
    assert runs(empty="-1") == ["2 1 5 2", "1 1 3 2", "-1", "-1"]
    assert runs(empty="drop") == ["2 1 5 2", "1 1 3 2"]


def test_coco_masks_are_those_of_pycocotools(tmp_path: Path) -> None:
    images = [("12", images_of(1)[0][1]), ("a", images_of(2)[0][1])]
    form_of("coco").write(tmp_path / "a.json", images)
    entries = json.loads((tmp_path / "a.json").read_text())
    assert {entry["image_id"] for entry in entries} == {12, "a"}
    by_id = {str(image_id): labels_hw for image_id, labels_hw in images}
    label_of = {c.id: label for label, c in enumerate(CLASSES)}
    for entry in entries:
        mask_hw = by_id[str(entry["image_id"])] == label_of[entry["category_id"]]
        np.testing.assert_array_equal(coco_mask.decode(entry["segmentation"]), mask_hw)
        assert entry["area"] == mask_hw.sum()
        assert entry["score"] == 1.0
    assert all(entry["category_id"] != CLASSES[0].id for entry in entries)


def test_pictures_have_the_colours_of_the_classes(tmp_path: Path) -> None:
    images = images_of(3)
    form_of("png").write(tmp_path / "out", images)
    for image_id, labels_hw in images:
        bgr_hwc = cv2.imread(str(tmp_path / "out" / f"{image_id}.png"), cv2.IMREAD_COLOR)
        assert bgr_hwc is not None
        colours = np.array([c.colour for c in CLASSES], dtype=np.uint8)
        np.testing.assert_array_equal(bgr_hwc[..., ::-1], colours[labels_hw])


def test_panoptic_segments_add_up(tmp_path: Path) -> None:
    labels_hw: LabelsHW = np.array([[1, 1, IGNORE_INDEX], [0, 1, 0]], dtype=np.uint8)
    form_of("coco-panoptic").write(tmp_path / "out", [("x", labels_hw)])
    index = json.loads((tmp_path / "out" / "panoptic.json").read_text())
    (annotation,) = index["annotations"]
    assert {s["category_id"]: (s["area"], s["bbox"]) for s in annotation["segments_info"]} == {
        CLASSES[0].id: (2, [0, 1, 3, 1]),
        CLASSES[1].id: (3, [0, 0, 2, 2]),
    }
    assert_same(list(form_of("coco-panoptic").read(tmp_path / "out", lambda _: (2, 3))), [("x", labels_hw)])


def test_an_npz_is_one_for_numpy(tmp_path: Path) -> None:
    images = images_of(4)
    form_of("npz").write(tmp_path / "a.npz", images)
    with np.load(tmp_path / "a.npz") as archive:
        assert sorted(archive.files) == sorted(image_id for image_id, _ in images)
        for image_id, labels_hw in images:
            np.testing.assert_array_equal(archive[image_id], CLASS_IDS[labels_hw])


def test_pixels_are_class_ids_row_by_row(tmp_path: Path) -> None:
    labels_hw: LabelsHW = np.array([[1, 1, 0], [0, 3, 0]], dtype=np.uint8)
    form_of("pixels").write(tmp_path / "a.csv", [("x", labels_hw)])
    ids = [CLASSES[label].id for label in (1, 1, 0, 0, 3, 0)]
    assert (tmp_path / "a.csv").read_text() == f"image_id,PredictionString\nx,{' '.join(map(str, ids))}\n"


def test_a_folder_that_failed_is_not_there(tmp_path: Path) -> None:
    def images() -> Iterator[LabelledImage]:
        yield images_of(0)[0]
        raise DataError("an image that cannot be read")

    with pytest.raises(DataError):
        form_of("png").write(tmp_path / "out", images())
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        form_of("png").write(tmp_path / "out", images_of(0))


def test_a_folder_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    form_of("png").write(tmp_path / "out", images_of(0, count=3))
    form_of("png").write(tmp_path / "out", images_of(0, count=1))
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [".seg-folder", "street_0.png"]
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("kaggle", "a,b\n", "the header must be 'ImageId_ClassId,EncodedPixels'"),
        ("kaggle", "ImageId_ClassId,EncodedPixels\nx_9,1 1\n", r":2: 'x_9' does not end in a class id"),
        ("kaggle", "ImageId_ClassId,EncodedPixels\nx_1,1 1 1\n", ":2: run lengths must be pairs"),
        ("kaggle", "ImageId_ClassId,EncodedPixels\nx_1,1 99\n", ":2: the run '1 99'"),
        ("kaggle", "ImageId_ClassId,EncodedPixels\nx_1,3 1 1 1\n", ":2: the run '1 1'"),
        (
            "kaggle",
            "ImageId_ClassId,EncodedPixels\nx_1,1 2\nx_2,2 1\n",
            ":3: runs cover pixels of another class",
        ),
        ("kaggle", "ImageId_ClassId,EncodedPixels\nx_1\n", ":2: has 1 fields"),
        ("pixels", "image_id,PredictionString\nx,1 1\n", ":2: has 2 pixels, not 2 x 3"),
        ("pixels", "image_id,PredictionString\nx,1 1 1 1 1 77\n", ":2: '77' is not a class id"),
        ("pixels", "image_id,PredictionString\nx,1 1 1 1 1 -1\n", ":2: '-1' is not a class id"),
        ("pixels", "image_id,PredictionString\nx,1 1 1 1 1 \u0661\n", ":2: '\u0661' is not a class id"),
        ("pixels", f"image_id,PredictionString\nx,{'9' * 99}\n", f":2: '{'9' * 18}' is not a class id"),
        ("coco", "{}", "is not a list"),
        ("coco", "[{}]", "entry 0: needs all of"),
        ("coco", "nothing", "is not JSON"),
        ("coco", f"[{RESULT}, {RESULT}]", "entry 1: is entry 0 once more"),
        ("coco", f"[{SCORED % 'NaN'}]", "entry 0: its score is nan: a finite number"),
        ("coco", f"[{SCORED % 'null'}]", "entry 0: its score is None"),
        ("npz", "nothing", "is not an npz"),
    ],
)
def test_what_is_no_submission_is_one_line(tmp_path: Path, name: Format, text: str, problem: str) -> None:
    path = tmp_path / "a"
    path.write_text(text)
    with pytest.raises(DataError, match=problem) as caught:
        list(form_of(name).read(path, lambda _: (2, 3)))
    assert "\n" not in str(caught.value)


@settings(deadline=None, max_examples=200)
@given(text=st.text(alphabet="0123456789 -x", max_size=30))
def test_malformed_run_lengths_never_crash(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "a.csv"
    path.write_text(f"ImageId_ClassId,EncodedPixels\nx_1,{text}\n")
    try:
        ((_, labels_hw),) = form_of("kaggle").read(path, lambda _: (4, 5))
    except DataError:
        return
    assert labels_hw.shape == (4, 5)


@pytest.mark.parametrize("size", [[2, 3], [100_000, 100_000], [-1, 3], "2x3", None])
@settings(deadline=None, max_examples=50)
@given(counts=st.one_of(st.text(max_size=12), st.lists(st.integers(-9, 2**40), max_size=6)))
def test_malformed_coco_counts_never_crash(
    tmp_path_factory: pytest.TempPathFactory, size: object, counts: object
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "a.json"
    segmentation = {"size": size, "counts": counts}
    path.write_text(
        json.dumps([{"image_id": "x", "category_id": CLASSES[1].id, "segmentation": segmentation}])
    )
    try:
        ((_, labels_hw),) = form_of("coco").read(path, lambda _: (2, 3))
    except DataError as error:
        assert "\n" not in str(error)
        return
    assert labels_hw.shape == (2, 3)


def test_an_array_that_says_it_is_huge_is_refused_unread(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, archive.open("x.npy", "w") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (2**24, 2**24)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(DataError, match="not integers of"):
        list(form_of("npz").read(tmp_path / "a.npz", lambda _: (2, 3)))


@pytest.mark.parametrize("name", ["png", "coco-panoptic"])
def test_a_picture_that_says_it_is_huge_is_refused_unread(name: Format, tmp_path: Path) -> None:
    form_of(name).write(tmp_path / "out", [("x", np.zeros((2, 3), dtype=np.uint8))])
    picture = tmp_path / "out/x.png"
    content = picture.read_bytes()
    header = b"IHDR" + struct.pack(">II", 50_000, 60_000) + content[24:29]
    picture.write_bytes(content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:])
    with pytest.raises(DataError, match=r"x\.png: claims 60000x50000 pixels, but its image has 2x3"):
        list(form_of(name).read(tmp_path / "out", lambda _: (2, 3)))


@pytest.mark.parametrize(
    "annotations",
    [
        7,
        [7],
        [{}],
        [{"image_id": "x", "file_name": "x.png", "segments_info": [{}]}],
        [{"image_id": "x", "file_name": "x.png", "segments_info": [{"id": 1, "category_id": []}]}],
        [{"image_id": "x", "file_name": "y.png", "segments_info": []}],
    ],
)
def test_malformed_panoptic_indexes_are_one_line(tmp_path: Path, annotations: object) -> None:
    (tmp_path / "panoptic.json").write_text(json.dumps({"annotations": annotations}))
    with pytest.raises(DataError) as caught:
        list(form_of("coco-panoptic").read(tmp_path, lambda _: (2, 3)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "deep/../../secret.png"])
def test_a_panoptic_picture_outside_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    form_of("coco-panoptic").write(tmp_path / "out", images_of(0, count=1))
    index = tmp_path / "out/panoptic.json"
    said = json.loads(index.read_text())
    (tmp_path / "secret.png").write_bytes((tmp_path / "out/street_0.png").read_bytes())
    said["annotations"][0]["file_name"] = name
    index.write_text(json.dumps(said))
    with pytest.raises(DataError, match="is not in its folder"):
        list(form_of("coco-panoptic").read(tmp_path / "out", lambda _: (2, 3)))
