"""Ids of every form survive every format: another library reads them, and so does ours.

The other readers are those of Python, numpy and pycocotools.
"""

import csv
import json
import unicodedata
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as coco_mask

from seg.data import Sample
from seg.engine.submissions import SubmissionFormat, open_submission_format
from seg.engine.submissions.coco.panoptic import INDEX
from seg.errors import DataError
from seg.spec.ensemble.output import Format, OutputSpec
from tests.engine.labelled import CLASSES, HEIGHT, IDS, WIDTH, form_of, maps_of, write_land

AWKWARD = [
    *("1", "01", "001", "0", "00", "-1", "1.0", "1e3", "\u0661", "\u00b2", "12345678901234567890"),
    *(
        "a,b",
        'qu"ote',
        "new\nline",
        "c\rr",
        "cr\r\nlf",
        "tab\t",
        " before",
        "after ",
        "=1+1",
        "\ufeffmark",
        "#x",
    ),
    *(
        "x",
        "x.jpg",
        "x.png",
        "x.tif",
        "x_1",
        "x_",
        "_7",
        "a.b.c",
        "deep/x",
        "deep/deeper/01",
        "a%2Fb",
        "a\\b",
    ),
    *("str\u00e4sse", "\u8857\u9053", "e\u0301", "null", "nan", "true", "'", "''"),
]
parts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=8
).filter(lambda part: part.strip(".") != "")
ids = st.one_of(st.sampled_from(AWKWARD), st.lists(parts, min_size=1, max_size=3).map("/".join))


def on_any_disk(image_id: str) -> str:
    """Ids for which this is the same are refused by formats that name files after them."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", image_id).casefold())


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def ids_by_another(name: Format, path: Path) -> list[Any]:
    """The images' ids in a submission, by a reader that shares no code with the writer."""
    if name == "kaggle":
        return list(dict.fromkeys(row[0].rpartition("_")[0] for row in rows_of(path)[1:]))
    if name in ("kaggle-per-image", "pixels"):
        return [row[0] for row in rows_of(path)[1:]]
    if name == "coco":
        return list(dict.fromkeys(entry["image_id"] for entry in json.loads(path.read_bytes())))
    if name == "coco-panoptic":
        return [one["image_id"] for one in json.loads((path / INDEX).read_bytes())["annotations"]]
    with np.load(path) as archive:
        return [unquote(member) for member in archive.files]


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_land(tmp_path_factory.mktemp("land") / "a.tif")


@pytest.mark.parametrize("name", get_args(Format))
@settings(deadline=None, max_examples=25)
@given(names=st.lists(ids, min_size=1, max_size=6, unique_by=on_any_disk))
def test_ids_of_every_form_survive(
    tmp_path_factory: pytest.TempPathFactory, land: Path, name: Format, names: list[str]
) -> None:
    check_ids(tmp_path_factory.mktemp("ids") / "out", land, name, names)


@pytest.mark.parametrize("name", get_args(Format))
def test_awkward_ids_survive_together(tmp_path: Path, land: Path, name: Format) -> None:
    check_ids(tmp_path / "out", land, name, AWKWARD)


def check_ids(path: Path, land: Path, name: Format, names: Sequence[str]) -> None:
    form, images = form_of(name, land, names), maps_of(names)
    form.write(path, images)
    found = dict(form.read(path, lambda _: (HEIGHT, WIDTH)))
    assert sorted(found) == sorted(names)
    for image_id, labels_hw in images:
        np.testing.assert_array_equal(found[image_id], labels_hw)
    if name not in ("png", "class-png", "geotiff", "geojson"):
        others = ids_by_another(name, path)
        assert {str(one) for one in others} <= set(names)
        assert len(set(map(repr, others))) == len(others)


def test_without_a_coco_json_only_what_is_written_as_a_number_is_one(tmp_path: Path, land: Path) -> None:
    names = ["0", "12", "012", "1.0", "\u0661", "-1", "1" * 16, "a"]
    form_of("coco-panoptic", land, names).write(tmp_path / "out", maps_of(names))
    assert ids_by_another("coco-panoptic", tmp_path / "out") == [0, 12, *names[2:]]


@pytest.mark.parametrize("name", ["coco", "coco-panoptic"])
def test_the_numbers_of_a_coco_json_are_written_and_read(tmp_path: Path, name: Format) -> None:
    """Numbers that are those of other images' names, as a shuffled dataset has them."""
    images = [("1", np.full((3, 4), 2, dtype=np.uint8)), ("2", np.full((3, 4), 0, dtype=np.uint8))]
    samples = [Sample("1", Path("1.png"), 2), Sample("2", Path("2.png"), 1)]
    form = open_submission_format(OutputSpec(format=name), CLASSES, "ground", str, samples)
    form.write(tmp_path / "out", images)
    assert ids_by_another(name, tmp_path / "out") == [2, 1]
    assert [image_id for image_id, _ in form.read(tmp_path / "out", lambda _: (3, 4))] == ["1", "2"]
    samples[0] = Sample("1", Path("1.png"), 17)
    other = open_submission_format(OutputSpec(format=name), CLASSES, "ground", str, samples)
    with pytest.raises(DataError, match=r"(entry|annotation) 0: image_id 2 is not in the"):
        list(other.read(tmp_path / "out", lambda _: (3, 4)))
    with pytest.raises(DataError, match="'3' is not in the dataset's COCO JSON"):
        open_submission_format(
            OutputSpec(format=name), CLASSES, "ground", str, [*samples, Sample("3", Path("3.png"))]
        )


def test_an_image_without_results_is_unlabelled(tmp_path: Path, land: Path) -> None:
    """COCO's results have nothing to say of such an image, so that it must come from the dataset."""
    images = [("a", np.full((3, 4), 1, dtype=np.uint8)), ("b", np.full((3, 4), 2, dtype=np.uint8))]
    form = form_of("coco", land, ["a", "b"])
    form.write(tmp_path / "a.json", images)
    assert [entry["image_id"] for entry in json.loads((tmp_path / "a.json").read_text())] == ["b"]
    found = dict(form.read(tmp_path / "a.json", lambda _: (3, 4)))
    for image_id, labels_hw in images:
        np.testing.assert_array_equal(found[image_id], labels_hw)


def test_coco_masks_of_ids_decode_by_pycocotools(tmp_path: Path, land: Path) -> None:
    images = maps_of(["3", "03"])
    form_of("coco", land, ["3", "03"]).write(tmp_path / "a.json", images)
    found = {
        (e["image_id"], e["category_id"]): e["segmentation"]
        for e in json.loads((tmp_path / "a.json").read_text())
    }
    for coco_id, (_, labels_hw) in zip((3, "03"), images, strict=True):
        for label in (0, 2):
            mask_hw = coco_mask.decode(found[coco_id, CLASSES[label].id])
            np.testing.assert_array_equal(mask_hw, labels_hw == label)


def test_panoptic_pngs_are_as_the_format_says(tmp_path: Path, land: Path) -> None:
    """As panopticapi's `pq_compute` reads them: R + 256 G + 65536 B, each id that is there has a segment."""
    images = maps_of(["3", "b"])
    form_of("coco-panoptic", land, ["3", "b"]).write(tmp_path / "out", images)
    index = json.loads((tmp_path / "out" / INDEX).read_text())
    for annotation, (_, labels_hw) in zip(index["annotations"], images, strict=True):
        with Image.open(tmp_path / "out" / annotation["file_name"]) as image:
            rgb = np.array(image.convert("RGB")).astype(np.int64)
        segments_hw = rgb @ [1, 256, 65536]
        by_id = {segment["id"]: segment for segment in annotation["segments_info"]}
        assert set(np.unique(segments_hw).tolist()) == set(by_id)
        category_hw = np.vectorize(lambda one, by_id=by_id: by_id[one]["category_id"])(segments_hw)
        np.testing.assert_array_equal(category_hw, IDS[labels_hw])
        assert all((segments_hw == one).sum() == by_id[one]["area"] for one in by_id)
    assert {c["id"] for c in index["categories"]} == set(IDS.tolist())


def doubled_rows(form: SubmissionFormat, path: Path) -> None:
    form.write(path, maps_of("ab"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[-1]]) + "\n")


def apart(form: SubmissionFormat, path: Path) -> None:
    form.write(path, maps_of("ab"))
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *rows[::2], *rows[1::2]]) + "\n")


@pytest.mark.parametrize(
    ("name", "spoil", "problem"),
    [
        ("kaggle", doubled_rows, r"out:8: 'b_27' is already in line 7"),
        ("kaggle", apart, r"out:5: the image 'a' is duplicate \(.*out:2\)"),
        ("kaggle-per-image", doubled_rows, r"out:4: 'b' is already in line 3"),
        ("pixels", doubled_rows, r"out:4: the image 'b' is duplicate"),
    ],
)
def test_an_image_is_there_once(
    tmp_path: Path, land: Path, name: Format, spoil: Callable[[SubmissionFormat, Path], None], problem: str
) -> None:
    form = form_of(name, land, ["a", "b"])
    spoil(form, tmp_path / "out")
    with pytest.raises(DataError, match=problem):
        list(form.read(tmp_path / "out", lambda _: (HEIGHT, WIDTH)))


def refuse(known: Sequence[str], image_id: str) -> tuple[int, int]:
    if image_id not in known:
        raise DataError(f"{image_id!r} is not an image of the spec's 'predict' split")
    return HEIGHT, WIDTH


@pytest.mark.parametrize(
    ("name", "place"),
    [
        *(
            ("kaggle", r"out:5"),
            ("kaggle-per-image", r"out:3"),
            ("pixels", r"out:3"),
            ("npz", r"out: b\.npy"),
        ),
        *(
            ("png", r"out/b\.png"),
            ("geotiff", r"out/b\.tif"),
            ("coco-panoptic", r"panoptic\.json: annotation 1"),
        ),
        ("coco", r"out: entry 2"),
    ],
)
def test_an_unknown_image_is_named_with_its_place(
    tmp_path: Path, land: Path, name: Format, place: str
) -> None:
    form_of(name, land, ["a", "b"]).write(tmp_path / "out", maps_of("ab"))
    with pytest.raises(DataError, match=rf"{place}: 'b' is not an image"):
        list(form_of(name, land, ["a"]).read(tmp_path / "out", partial(refuse, ["a"])))


@pytest.mark.parametrize("name", ["png", "class-png", "geotiff", "npz", "coco-panoptic"])
def test_a_label_map_of_another_size_is_named(tmp_path: Path, land: Path, name: Format) -> None:
    form_of(name, land, ["a"]).write(tmp_path / "out", maps_of("a"))
    with pytest.raises(DataError, match=r"out.*a(\.\w+)?:? (has 3x4 pixels|is uint8 \(3, 4\))"):
        list(form_of(name, land, ["a"]).read(tmp_path / "out", lambda _: (4, 3)))


def test_a_panoptic_segment_without_a_class_is_named(tmp_path: Path, land: Path) -> None:
    form_of("coco-panoptic", land, ["a"]).write(tmp_path / "out", maps_of("a"))
    index = json.loads((tmp_path / "out" / INDEX).read_text())
    index["annotations"][0]["segments_info"].pop()
    (tmp_path / "out" / INDEX).write_text(json.dumps(index))
    with pytest.raises(DataError, match=r"a\.png: has the segment 3, which panoptic\.json does not name"):
        list(form_of("coco-panoptic", land, ["a"]).read(tmp_path / "out", lambda _: (HEIGHT, WIDTH)))
