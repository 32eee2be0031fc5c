"""The ways to name many images, against what is in the folder."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from seg.data.listing import list_samples
from seg.errors import DataError
from seg.spec.dataset import SplitSpec

FILES = ["a/left_1.png", "a/left_2.jpg", "b/right_1.png", "b/c/left_3.png"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).touch()
    return tmp_path / "photos"


def names(where: Path, ids: Path | None = None) -> list[str]:
    return [sample.id for sample in list_samples(where, ids)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("**/left_*", ["left_1", "left_2", "left_3"]),
        ("*/left_*", ["left_1", "left_2"]),
        ("a/left_[2-9].*", ["left_2"]),
        ("b/**/*.png", ["left_3", "right_1"]),
    ],
)
def test_patterns(photos: Path, pattern: str, found: list[str]) -> None:
    assert names(photos / pattern) == found


def test_a_pattern_without_a_match_is_one_line(photos: Path) -> None:
    with pytest.raises(DataError, match=r"middle_\*: matches no file"):
        list_samples(photos / "middle_*")


def test_a_folder_with_a_bracket_in_its_name_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "set [1]").mkdir()
    (tmp_path / "set [1]/x.png").touch()
    assert names(tmp_path / "set [1]") == ["x"]


def test_a_single_image_is_named_as_it_is(photos: Path) -> None:
    assert names(photos / "b/c/left_3.png") == ["left_3"]
    with pytest.raises(DataError, match="no such folder"):
        list_samples(photos / "b/c/left_4.png")


@pytest.mark.parametrize("name", ["list.txt", "list.csv"])
def test_lists_keep_their_order(photos: Path, name: str) -> None:
    (photos / name).write_text("b/right_1.png,3\n\na/left_1.png,4\n")
    samples = list_samples(photos / name)
    assert [sample.image for sample in samples] == [photos / "b/right_1.png", photos / "a/left_1.png"]


def test_ids_choose_in_their_order_and_count_once(photos: Path) -> None:
    (photos / "ids.csv").write_text("ImageId,class\nright_1,0\nleft_1,0\nright_1,1\nleft_2.jpg,0\n")
    assert names(photos, photos / "ids.csv") == ["right_1", "left_1", "left_2"]


def test_an_unknown_id_names_the_nearest(photos: Path) -> None:
    (photos / "ids.csv").write_text("id\nleft_11\n")
    with pytest.raises(DataError, match=r"'left_11': did you mean 'left_1'"):
        list_samples(photos, photos / "ids.csv")


@pytest.mark.parametrize("text", ["", "id\n"])
def test_no_ids_are_one_line(photos: Path, text: str) -> None:
    (photos / "ids.csv").write_text(text)
    with pytest.raises(DataError, match="names no image"):
        list_samples(photos, photos / "ids.csv")


def test_lists_that_are_not_there_or_empty_are_one_line(photos: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: cannot be read"):
        list_samples(photos / "none.txt")
    (photos / "empty.txt").touch()
    with pytest.raises(DataError, match=r"empty\.txt: lists no image"):
        list_samples(photos / "empty.txt")


def test_ids_do_not_go_with_labels() -> None:
    with pytest.raises(ValidationError, match="ids"):
        SplitSpec(images=Path("a"), masks=Path("b"), ids=Path("c"))
