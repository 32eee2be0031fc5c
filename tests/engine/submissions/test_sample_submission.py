"""A sample submission: its header, columns, ids and order are kept, and a wrong one is refused."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg.data import Sample
from seg.engine.submissions import LabelledImage, SubmissionFormat, open_submission_format
from seg.engine.submissions.tables.match_ids import match_ids, match_ids_to_images
from seg.errors import DataError
from seg.spec.ensemble.output import Format, OutputSpec
from tests.engine.labelled import CLASSES, HEIGHT, WIDTH, maps_of

PLAIN = "ImageId,road,truck\n"


def form_of(
    name: Format, sample: Path, text: str, images: Sequence[str] = ("a", "b"), **output: Any
) -> SubmissionFormat:
    sample.write_text(text, encoding="utf-8", newline="")
    samples = [Sample(image, Path(f"{image}.png")) for image in images]
    return open_submission_format(
        OutputSpec(format=name, sample=sample, **output), CLASSES, "ground", str, samples
    )


def written(form: SubmissionFormat, path: Path, images: Sequence[str] = ("a", "b")) -> list[list[str]]:
    maps = maps_of(images)
    form.write(path, maps)
    found = dict(form.read(path, lambda _: (HEIGHT, WIDTH)))
    assert set(found) == set(images)
    for image_id, labels_hw in maps:
        np.testing.assert_array_equal(found[image_id], labels_hw)
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("kaggle-per-image", "img,truck,road\nb,,\na,,\n"),
        ("kaggle-per-image", "road,img,truck\n,b,\n,a,\n"),
        ("kaggle-per-image", "\ufeffimg,road,truck\r\nb,,\r\na,,\r\n"),
        ("kaggle-per-image", "img,road,truck\nb.jpg,,\nx/a.jpg,,\n"),
        ("pixels", "rle_mask,id\n,b\n,a\n"),
        ("pixels", "id,rle_mask\nb,\na,\n"),
        ("kaggle", "Id,Predicted\nb_0,\nb_7,\nb_27,\na_27,\na_7,\na_0,\n"),
        ("kaggle", "Id,Predicted\na_0,\nb_0,\na_7,\nb_7,\na_27,\nb_27,\n"),
        ("kaggle", "Id,Predicted\na_7,\nb_7,\na_27,\nb_27,\n"),
        ("pixels", "id,height,width,rle\nb,1,4,\na,1,4,\n"),
        ("pixels", "rle_mask,pixel size,Image\n,0.5,b\n,0.25,a\n"),
        ("kaggle", "id,class,width,rle\nb,7,4,\nb,27,4,\na,27,4,\na,7,4,\n"),
        ("kaggle", "Id,height,Predicted\na_7,1,\na_27,1,\nb_7,3,\nb_27,3,\n"),
        ("kaggle", "Id,Predicted\na.png_7,\na.png_27,\nb.png_7,\nb.png_27,\n"),
    ],
)
def test_header_columns_ids_and_order_are_those_of_the_sample(
    tmp_path: Path, name: Format, text: str
) -> None:
    found = written(form_of(name, tmp_path / "sample.csv", text), tmp_path / "a.csv")
    wanted = [line.split(",") for line in text.removeprefix("\ufeff").splitlines()]
    assert found[0] == wanted[0]
    for at, field in enumerate(wanted[1]):
        if field:
            assert [row[at] for row in found[1:]] == [row[at] for row in wanted[1:]]


def test_a_class_is_written_in_its_own_column(tmp_path: Path) -> None:
    form = form_of("kaggle-per-image", tmp_path / "sample.csv", "truck,road,img\n,,a\n", images=["a"])
    labels_hw = np.array([[0, 0, 2, 1]], dtype=np.uint8)
    form.write(tmp_path / "a.csv", [("a", labels_hw)])
    assert (tmp_path / "a.csv").read_text() == "truck,road,img\n3 1,1 2,a\n"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        (
            "kaggle-per-image",
            "img,road,car\na,,\nb,,\n",
            r":1: its columns are 'img,road,car', .* \(road, ground, truck\)",
        ),
        ("kaggle-per-image", "img,road,road\na,,\nb,,\n", r":1: two columns have one name"),
        (
            "kaggle-per-image",
            "id,rle\na,\nb,\n",
            r":1: nothing tells the class of a row, and there are 2 \(road, truck\)",
        ),
        ("kaggle-per-image", PLAIN + "a,,\n", r"1 of the split's 2 images have no id \('b'\)"),
        ("kaggle-per-image", PLAIN + "a,,\nb,,\nc,,\n", r"1 of its 3 ids have no image \('c'\)"),
        ("kaggle-per-image", PLAIN + "a,,\nb,,\na,,\n", r":2: the id 'a' is duplicate"),
        ("kaggle-per-image", PLAIN + "a,\nb,,\n", r":2: has 2 fields, the header has 3"),
        (
            "kaggle-per-image",
            PLAIN + "a.png,,\na.jpg,,\nb,,\n",
            r"2 of its 3 ids have no image \('a.png', 'a.jpg'\) and 1 of the split's 2 images have no id",
        ),
        ("kaggle-per-image", "", r"is empty"),
        (
            "kaggle",
            "Id,Predicted\na_7,\na_27,\nb_7,\n",
            r"has no row 'b_27' of a predicted image",
        ),
        ("kaggle", "Id,Predicted\na,\nb,\n", r"nothing tells the class of a row"),
        ("kaggle", "id\na\nb\n", r":1: its columns are 'id'"),
        ("pixels", "id,pixels,usage\na,,\nb,,\n", r":1: its columns are"),
    ],
)
def test_a_sample_that_does_not_fit_is_one_line_before_anything_is_written(
    tmp_path: Path, name: Format, text: str, problem: str
) -> None:
    with pytest.raises(DataError, match=rf"sample\.csv.*{problem}") as caught:
        form_of(name, tmp_path / "sample.csv", text)
    assert "\n" not in str(caught.value)


def test_label_maps_that_lack_an_image_of_the_sample_are_one_line(tmp_path: Path) -> None:
    """As a vote over submissions that lack it has them."""
    form = form_of("pixels", tmp_path / "sample.csv", "id,mask\na.png,\nb.png,\n")
    with pytest.raises(DataError, match=r"row 'b\.png' of the sample submission has no prediction"):
        form.write(tmp_path / "a.csv", maps_of("a"))
    assert not (tmp_path / "a.csv").exists()


def test_a_file_with_another_header_than_the_sample_is_refused(tmp_path: Path) -> None:
    form = form_of("pixels", tmp_path / "sample.csv", "id,mask\na,\nb,\n")
    (tmp_path / "a.csv").write_text("image_id,PredictionString\na,7\n")
    with pytest.raises(DataError, match=r"a\.csv:1: the header must be 'id,mask', got 'image_id,Pred"):
        list(form.read(tmp_path / "a.csv", lambda _: (1, 1)))


@pytest.mark.parametrize(
    ("theirs", "ours", "match"),
    [
        (["a", "b"], ["b", "a"], {"a": "a", "b": "b"}),
        (["a.jpg", "b.jpg"], ["a", "b"], {"a.jpg": "a", "b.jpg": "b"}),
        (["a.jpg"], ["a", "a.jpg"], {"a.jpg": "a.jpg"}),
        (["a.jpg", "a.png"], ["a"], {}),
        (["a.jpg", "a"], ["a.png", "a"], {"a": "a", "a.jpg": "a.png"}),
        (["x/a", "y/a"], ["a"], {}),
        (["x/a.jpg", "y/a.jpg"], ["x/a", "y/a"], {"x/a.jpg": "x/a", "y/a.jpg": "y/a"}),
        (["1", "2"], ["001", "002"], {"1": "001", "2": "002"}),
        (["1"], ["01", "001"], {}),
        (["0"], ["000"], {"0": "000"}),
        (["a.b"], ["a"], {}),
        (["A"], ["a"], {"A": "a"}),
        (["A", "a"], ["a", "A.png"], {"a": "a", "A": "A.png"}),
        (["A"], ["a", "\u0041.b"], {"A": "a"}),
        (["e\u0301"], ["\u00e9"], {"e\u0301": "\u00e9"}),
        (["img_07"], ["img_7", "IMG_7"], {}),
    ],
)
def test_ids_match_where_only_one_can_be_meant(
    theirs: list[str], ours: list[str], match: dict[str, str]
) -> None:
    assert match_ids(theirs, ours) == match


names = st.lists(st.text("01ax./", min_size=1, max_size=6), max_size=6, unique=True)


@given(theirs=names, ours=names)
def test_no_two_ids_match_one(theirs: list[str], ours: list[str]) -> None:
    match = match_ids(theirs, ours)
    assert len(set(match.values())) == len(match)
    assert all(match[one] == one for one in set(theirs) & set(ours))
    assert set(match) <= set(theirs)
    assert set(match.values()) <= set(ours)


FOLDERS = ["day1/slice_01", "day1/slice_02", "day2/slice_01"]
OUTPUTS: list[dict[str, Any]] = [
    {},
    {"id": "day{d}_slice_{s}_{class}"},
    {"columns": ["id", "class", "rle"], "id": "{file_name}", "drop": ["ground"]},
    {"columns": ["rle", "ClassId", "ImageId"], "id": "d{name}x", "classes": ["truck", 7]},
    {"columns": ["img", "truck", "road"], "id": "{name}.jpg"},
    {"format": "kaggle-per-image", "id": "{name}.jpg"},
    {"format": "pixels", "id": "{file_name}"},
    {"format": "pixels", "columns": ["rle_mask", "img"]},
]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 99),
    output=st.sampled_from(OUTPUTS),
    order=st.sampled_from(["columns", "rows"]),
    first=st.sampled_from([0, 1]),
    empty=st.sampled_from(["", "-1", "1 0", "drop"]),
    through_sample=st.booleans(),
)
def test_any_contests_csv_reads_back(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    output: dict[str, Any],
    order: str,
    first: int,
    empty: str,
    through_sample: bool,
) -> None:
    """Without a sample, and with that submission as the sample of another, whose bytes are then the same."""
    folder = tmp_path_factory.mktemp("csv")
    has_rows_of_images = "format" in output or "img" in output.get("columns", ())
    empty = "" if empty == "drop" and has_rows_of_images else empty
    style = {"rle": {"order": order, "first": first}, "empty": empty}
    rle: dict[str, Any] = {} if output.get("format") == "pixels" else style
    samples = [Sample(name, Path(f"{name}.png"), file_name=f"{name}.png") for name in FOLDERS]
    form = open_submission_format(OutputSpec(**output, **rle), CLASSES, "ground", str, samples)
    maps = maps_of(FOLDERS, seed)
    form.write(folder / "a.csv", maps)
    assert_same_maps(form, folder / "a.csv", maps)
    if through_sample and empty != "drop":
        kept = {key: value for key, value in output.items() if key in ("format", "id", "classes")}
        sampled = OutputSpec(**kept, **rle, sample=folder / "a.csv")
        form = open_submission_format(sampled, CLASSES, "ground", str, samples)
        form.write(folder / "b.csv", maps[::-1])
        assert (folder / "b.csv").read_bytes() == (folder / "a.csv").read_bytes()
        assert_same_maps(form, folder / "b.csv", maps)


def assert_same_maps(form: SubmissionFormat, path: Path, maps: Sequence[LabelledImage]) -> None:
    found = dict(form.read(path, lambda _: (HEIGHT, WIDTH)))
    assert found.keys() == {image_id for image_id, _ in maps}
    for image_id, labels_hw in maps:
        np.testing.assert_array_equal(found[image_id], labels_hw)


def test_a_sample_of_other_images_shows_three_of_each_side_and_the_nearest_form(tmp_path: Path) -> None:
    ids = [f"img_{number}_seg" for number in range(4)]
    text = "ImageId,road,truck\n" + "".join(f"{one},,\n" for one in ids)
    with pytest.raises(DataError) as caught:
        form_of("kaggle-per-image", tmp_path / "sample.csv", text, [f"{number}x" for number in range(4)])
    assert str(caught.value) == (
        f"{tmp_path / 'sample.csv'}: 4 of its 4 ids have no image ('img_0_seg', 'img_1_seg', 'img_2_seg',"
        " ...) and 4 of the split's 4 images have no id ('0x', '1x', '2x', ...): are these the images of"
        " data.predict, and does output.id make their ids?"
    )
    pattern = r"made like 'scan-\{name\}\.dcm': set output: \{id: 'scan-\{name\}\.dcm'\}"
    with pytest.raises(DataError, match=pattern):
        form_of("pixels", tmp_path / "sample.csv", "id,p\nscan-17.dcm,\nscan-9.dcm,\n", ["17", "9"])


def test_ids_of_parts_of_paths_are_found_where_only_one_path_has_them_all(tmp_path: Path) -> None:
    paths = ["case1/day0/slice_01_9_9.png", "case1/day1/slice_01_9_9.png", "case2/day1/slice_01_9_9.png"]
    samples = [Sample(path.removesuffix(".png"), Path(path), file_name=path) for path in paths]
    ids = ["case1_day0_slice_01", "case1_day1_slice_01", "case2_day1_slice_01"]
    assert match_ids_to_images(ids, samples) == dict(zip(ids, [one.id for one in samples], strict=True))
    assert match_ids_to_images(["case1_slice_01", "case3_day1_slice_01"], samples) == {}
    assert match_ids_to_images(["day0", "slice_01_day0"], samples) == {"day0": samples[0].id}


def test_a_header_alone_is_followed_and_rows_follow_the_images(tmp_path: Path) -> None:
    form = form_of("kaggle", tmp_path / "sample.csv", "Id,Class,Rle\n", id="{name}.png", drop=["ground"])
    form.write(tmp_path / "a.csv", [("a", np.array([[0, 0, 1]], dtype=np.uint8))])
    assert (tmp_path / "a.csv").read_text() == "Id,Class,Rle\na.png,7,1 2\na.png,27,\n"


def test_a_header_alone_does_not_tell_how_ids_are_written(tmp_path: Path) -> None:
    (tmp_path / "sample.csv").write_text("image_id,PredictionString\n")
    output = OutputSpec(format="pixels", sample=tmp_path / "sample.csv")
    samples = [Sample("b/1", Path("b/1.jpg"), file_name="b/1.jpg")]
    with pytest.raises(
        DataError, match=r"set output\.id: '{file_name}' for 'b/1\.jpg', or '{name}' for 'b/1'$"
    ):
        open_submission_format(output, CLASSES, "ground", str, samples)


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        ({"columns": ["id", "rle"]}, r"output\.columns: nothing tells the class .* 2 \(road, truck\)"),
        ({"columns": ["id", "rle", "class", "use"]}, "what to write into the column 'use': leave it out"),
        ({"columns": ["id", "runs of it", "width"]}, "its columns are 'id,runs of it,width'"),
        ({"columns": ["id", "road", "rle"]}, "its columns are 'id,road,rle'"),
        ({"columns": ["id", "road", "ground"]}, "has no column of class 'truck'"),
        ({"id": "{name}_{class}", "columns": ["id", "rle", "class"]}, "the id names the class, too"),
        ({"columns": ["id", "class", "px"], "format": "pixels"}, "a row of format pixels has all classes"),
        ({"id": "{stem}_{class}"}, "the images 'day1/slice_01' and 'day2/slice_01' both have the id"),
        ({"id": "case{c}_{class}"}, r"day1/slice_01\.png: has no 'case' in its path"),
        ({"classes": [7, 8]}, "no class has the id 8"),
        ({"classes": ["raod"]}, "no class is named 'raod': did you mean 'road'"),
        ({"classes": ["road", 7, 0]}, "name a class twice"),
        ({"drop": [c.name for c in CLASSES]}, "names all classes: keep one"),
        ({"drop": ["grund"]}, "no class is named 'grund': did you mean 'ground'"),
        ({"columns": ["id", "rle"], "classes": [7], "empty": "drop"}, "has a row for each image"),
    ],
)
def test_a_csv_that_cannot_be_meant_is_one_line(output: dict[str, Any], problem: str) -> None:
    samples = [Sample(name, Path(f"{name}.png"), file_name=f"{name}.png") for name in FOLDERS]
    with pytest.raises(DataError, match=problem) as caught:
        open_submission_format(OutputSpec(**output), CLASSES, "ground", str, samples)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cells", "output", "written_empty"),
    [
        (("-1", "-1"), {}, "-1"),
        (("1 0", "1 0"), {}, "1 0"),
        (("-", "1 4"), {}, "-"),
        (("1 1", "1 1"), {}, ""),
        (("-1", "-"), {}, ""),
        (("-1", "-1"), {"empty": ""}, ""),
        (("1 1", "1 1"), {"empty": "-"}, "-"),
    ],
)
def test_a_class_without_pixels_is_written_as_in_the_sample(
    cells: tuple[str, str], output: dict[str, Any], written_empty: str, tmp_path: Path
) -> None:
    text = f"id,rle\na_7,{cells[0]}\na_27,{cells[1]}\n"
    form = form_of("kaggle", tmp_path / "sample.csv", text, ["a"], **output)
    form.write(tmp_path / "a.csv", [("a", np.ones((HEIGHT, WIDTH), np.uint8))])
    assert (tmp_path / "a.csv").read_text() == f"id,rle\na_7,{written_empty}\na_27,{written_empty}\n"


def test_a_class_behind_an_unknown_separator_is_told_and_the_fix_works(tmp_path: Path) -> None:
    text = "id,rle\na-7,\nb-7,\na-27,\nb-27,\n"
    with pytest.raises(DataError, match=r"set output: \{id: '\{name\}-\{class\}'\}"):
        form_of("kaggle", tmp_path / "sample.csv", text)
    found = written(form_of("kaggle", tmp_path / "sample.csv", text, id="{name}-{class}"), tmp_path / "a.csv")
    assert [row[0] for row in found] == ["id", "a-7", "b-7", "a-27", "b-27"]
