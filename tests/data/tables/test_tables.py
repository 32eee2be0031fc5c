"""Tables of run lengths as labels."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from seg.data import open_split
from seg.data.check.dataset import check_dataset
from seg.data.images.images import write_image
from seg.data.tables.run_lengths import decode_run_lengths, encode_run_lengths
from seg.engine.submissions.tables.rle import encode_rle
from seg.errors import DataError
from seg.spec import DatasetSpec
from seg.spec.ensemble.output import RleSpec

Order = Literal["columns", "rows"]


@given(
    mask=arrays(np.bool_, st.tuples(st.integers(1, 6), st.integers(1, 6))),
    order=st.sampled_from(["columns", "rows"]),
    first=st.sampled_from([0, 1]),
)
def test_run_lengths_come_back(mask: NDArray[np.bool_], order: Order, first: Literal[0, 1]) -> None:
    text = encode_rle(mask.astype(np.uint8), 2, RleSpec(order=order, first=first))[1]
    assert encode_run_lengths(mask, order, first) == text
    assert (decode_run_lengths(text, mask.shape, order, first) == mask).all()


@given(runs=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 4)), max_size=5))
def test_runs_of_any_order_against_brute_force(runs: list[tuple[int, int]]) -> None:
    runs = [(start, min(length, 12 - start)) for start, length in runs]
    flat = np.zeros(12, np.bool_)
    for start, length in runs:
        flat[start : start + length] = True
    text = " ".join(f"{start} {length}" for start, length in runs)
    assert (decode_run_lengths(text, (3, 4), "rows", 0) == flat.reshape(3, 4)).all()


@pytest.mark.parametrize("text", ["1", "1 a", "13 1", "0 1", "12 2", "1 -1", "99999999999999999999 1"])
def test_wrong_runs_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="run"):
        decode_run_lengths(text, (3, 4), "columns", 1)


@pytest.mark.parametrize("text", ["", " ", "-", "-1", "nan", "NaN", "None", "null", "[]", "1 0", "0 0"])
def test_texts_for_no_pixel(text: str) -> None:
    assert not decode_run_lengths(text, (3, 4), "columns", 1).any()


def dataset(folder: Path, table: str, labels: Any = "t.csv", **keys: Any) -> DatasetSpec:
    for name in ("a", "b"):
        write_image(folder / f"x/{name}.png", np.zeros((2, 3, 3), np.uint8))
    (folder / "t.csv").write_text(table)
    values = {
        "train": {"images": "x", "labels": labels},
        "classes": [{"name": "cat", "id": 1}, {"name": "dog", "id": 2}],
        "unlabelled": "none",
        **keys,
    }
    return DatasetSpec.model_validate(values, context={"folder": folder})


A, B = [[1, 0, 2], [1, 0, 0]], [[0, 0, 0], [0, 0, 0]]
"""Labels of `a` and `b`: cat is 1 and dog is 2, none is 0."""


@pytest.mark.parametrize(
    "table",
    [
        "ImageId,ClassId,EncodedPixels\na.png,1,1 2\na.png,2,5 1\n",
        "EncodedPixels,ImageId,ClassId\n5 1,a.png,2\n,b.png,1\n1 2,a.png,1\n",
        "id,class,segmentation\na,cat,1 1 2 1\na,dog,5 1\nb,cat,-1\nb,dog,\n",
        "ImageId_ClassId,EncodedPixels\na.png_1,1 2\na.png_2,5 1\nb.png_1,\nb.png_2,\n",
        "Image_Label,EncodedPixels\nx/a.png_cat,1 2\nx/a.png_dog,5 1\n",
        "image,cat,dog\nb,,\na,1 2,5 1\n",
        "image,2,1\na,5 1,1 2\n",
        "id,label,rle,width\na,1,1 1,3\na,1,2 1,3\na,2,5 1,3\n",
        "id;class;rle\na;cat;1 2\na;dog;[5, 1]\n",
        "id\tclass\trle\nA\tcat\t1,2\nA.PNG\tdog\t5 1\n",
    ],
)
def test_tables_of_every_form(tmp_path: Path, table: str) -> None:
    split = open_split(dataset(tmp_path, table), "train")
    assert [split.labels(index).tolist() for index in (0, 1)] == [A, B]


def test_columns_order_and_first_are_named(tmp_path: Path) -> None:
    table = "what,which,how\na,cat,0 1 3 1\na,dog,2 1\n"
    labels = {
        "file": "t.csv",
        "columns": {"id": "what", "class": "which", "runs": "how"},
        "order": "rows",
        "first": 0,
    }
    split = open_split(dataset(tmp_path, table, labels), "train")
    assert split.labels(0).tolist() == A


def test_one_class_needs_no_column(tmp_path: Path) -> None:
    data = dataset(tmp_path, "img,rle_mask\na.png,1 2 5 1\n", classes=["car"])
    assert open_split(data, "train").labels(0).tolist() == (np.array(A) > 0).tolist()


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("", "is empty"),
        ("ImageId,what\na,1\n", r"no column is known to be 'runs'.*it has ImageId, what"),
        ("ImageId,EncodedPixels\na,1 1\n", "has no column of classes, and there are 2"),
        ("id,class,rle\na,bird,1 1\n", r"t\.csv:2: 'bird' is no class"),
        ("id,class,rle\na,cat,1 1\na,cat\n", r"t\.csv:3: has 2 values, the header 3"),
        ("id,class,rle\na,cat,7 1\n", r"t\.csv:2: the run '7 1' leaves the image of 3x2 pixels"),
        (f"id,class,rle\na,cat,{2**63 - 1} {2**63 - 1}\n", r"t\.csv:2: the run '9\d+ 9\d+' leaves"),
        (
            "id,class,rle\nq,cat,1 1\n",
            r"none of its 1 row is of an image: it has 'q', and the images are 'a', 'b'",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path: Path, table: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        open_split(dataset(tmp_path, table), "train").labels(0)


def test_the_check_tells_overlaps_and_unknown_images(tmp_path: Path) -> None:
    table = "id,class,rle\na,cat,1 3\na,dog,3 1\nz,dog,1 1\n"
    problems = [finding.problem for finding in check_dataset(dataset(tmp_path, table)).findings]
    assert "1 image of the table are not in the split, such as 'z'" in problems
    assert "1 pixel are of two classes" in problems
    assert open_split(dataset(tmp_path, table), "train").labels(0).tolist() == [[1, 2, 0], [1, 0, 0]]


def test_rows_of_images_that_the_list_leaves_out_are_known(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_image(tmp_path / f"images/{name}.png", np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "table.csv").write_text("id,rle\na,1 2\nb,3 2\n")
    (tmp_path / "list.txt").write_text("a\n")
    split = {"images": tmp_path / "images", "labels": tmp_path / "table.csv", "list": tmp_path / "list.txt"}
    data = {"train": split, "classes": ["x"], "task": "binary"}
    problems = [one.problem for one in check_dataset(DatasetSpec.model_validate(data)).findings]
    assert not any("are not in the split" in problem for problem in problems)
    (tmp_path / "table.csv").write_text("id,rle\na,1 2\nb,3 2\nc,3 2\n")
    problems = [one.problem for one in check_dataset(DatasetSpec.model_validate(data)).findings]
    assert "1 image of the table are not in the split, such as 'c'" in problems


def test_an_image_of_nearly_the_name_is_taken_unless_another_has_the_name(tmp_path: Path) -> None:
    for name in ("007", "7", "0012"):
        write_image(tmp_path / f"x/{name}.png", np.zeros((2, 3, 3), np.uint8))
    table = "id,class,rle\n7,cat,1 1\n12,dog,2 1\n0007,dog,3 1\n"
    split = open_split(dataset(tmp_path, table), "train")
    found = {sample.id: split.labels(n).tolist() for n, sample in enumerate(split.samples)}
    assert found["7"] == [[1, 0, 0], [0, 0, 0]]
    assert found["0012"] == [[0, 0, 0], [2, 0, 0]]
    assert found["007"] == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("runs", "is_told"), [("1 2 3 1", False), ("3 1 1 2", True), ("1 2 2 3", True)])
def test_the_check_tells_runs_that_overlap_or_go_back(runs: str, is_told: bool, tmp_path: Path) -> None:
    findings = check_dataset(dataset(tmp_path, f"id,class,rle\na,cat,{runs}\n")).findings
    told = [one.problem for one in findings if "overlap or go back" in one.problem]
    assert told == (["line 2: runs overlap or go back"] if is_told else [])


def test_names_of_classes_at_the_end_of_ids_may_have_several_words(tmp_path: Path) -> None:
    table = "Image_Label,EncodedPixels\na.png_bowel,1 2\na.png_large_bowel,5 1\nb_bowel,\nb_large_bowel,\n"
    classes = [{"name": "bowel", "id": 1}, {"name": "large_bowel", "id": 2}]
    split = open_split(dataset(tmp_path, table, classes=classes), "train")
    assert [split.labels(index).tolist() for index in (0, 1)] == [A, B]
