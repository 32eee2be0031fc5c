"""The ways to name many images, against what is in the folder."""

import errno
import os
import stat
import unicodedata
from pathlib import Path

import pytest

from seg.data import read_image
from seg.data.images.raster import open_raster
from seg.data.splits.list_samples import list_samples
from seg.errors import DataError
from seg.spec.dataset.split import SplitSpec
from seg.terminal.notices import notice

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
    (photos / "ids.csv").write_text("id\nright_1\nleft_11\n")
    with pytest.raises(DataError, match=r"'left_11': did you mean 'left_1'"):
        list_samples(photos, photos / "ids.csv")


@pytest.mark.parametrize(("text", "problem"), [("", "is empty"), ("id\n", "names no image")])
def test_no_ids_are_one_line(photos: Path, text: str, problem: str) -> None:
    (photos / "ids.csv").write_text(text)
    with pytest.raises(DataError, match=problem):
        list_samples(photos, photos / "ids.csv")


def test_lists_that_are_not_there_or_empty_are_one_line(photos: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: there is no such file"):
        list_samples(photos / "none.txt")
    for text in ("\n", "image\n"):
        (photos / "empty.txt").write_text(text)
        with pytest.raises(DataError, match=r"empty\.txt: lists no image"):
            list_samples(photos / "empty.txt")


def test_a_first_line_that_is_an_id_is_no_header(photos: Path) -> None:
    (photos / "ids.txt").write_text("right_1\nleft_1\n")
    assert names(photos, photos / "ids.txt") == ["right_1", "left_1"]
    (photos / "ids.txt").write_text("right_9\nleft_1\n")
    with pytest.raises(DataError, match="no image has the id 'right_9'"):
        list_samples(photos, photos / "ids.txt")


def test_a_list_of_other_ids_shows_both(photos: Path) -> None:
    (photos / "ids.txt").write_text("2007_1\n2007_2\n")
    with pytest.raises(DataError, match=r"none of its 2 ids .*'2007_1', '2007_2', and .* are 'left_1'"):
        list_samples(photos, photos / "ids.txt")


def test_a_list_of_images_may_have_a_header(photos: Path) -> None:
    (photos / "list.csv").write_text("image,label\na/left_1.png,3\n")
    assert names(photos / "list.csv") == ["left_1"]


def test_commas_belong_to_names(photos: Path) -> None:
    (photos / "a/tile 3,4.png").touch()
    (photos / "list.txt").write_text("a/tile 3,4.png\na/left_1.png,7\n")
    assert names(photos / "list.txt") == ["tile 3,4", "left_1"]
    (photos / "ids.txt").write_text("tile 3,4\nleft_1,7\n")
    assert names(photos, photos / "ids.txt") == ["tile 3,4", "left_1"]
    (photos / "ids.csv").write_text('id,n\n"tile 3,4",2\n')
    assert names(photos, photos / "ids.csv") == ["tile 3,4"]


def test_backslashes_of_windows_lead_into_folders(photos: Path) -> None:
    (photos / "a\\b.png").touch()
    (photos / "list.txt").write_text("\ufeffa\\left_1.png\na\\b.png\n", encoding="utf-8")
    samples = list_samples(photos / "list.txt")
    assert [sample.image for sample in samples] == [photos / "a/left_1.png", photos / "a\\b.png"]


def test_letters_may_be_composed_or_not(photos: Path) -> None:
    """As macOS writes names of files, and others write lists."""
    composed, decomposed = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    (photos / decomposed).touch()
    (photos / "list.txt").write_text(composed, encoding="utf-8")
    assert [sample.image for sample in list_samples(photos / "list.txt")] == [photos / decomposed]


@pytest.mark.parametrize("where", [".", "**/*.png", "a/*"])
def test_hidden_files_are_no_images(photos: Path, where: str) -> None:
    before = names(photos / where)
    for name in ("a/._left_1.png", "__MACOSX/a/._left_1.png", ".ipynb_checkpoints/left_1.png"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        (photos / name).touch()
    assert names(photos / where) == before


@pytest.mark.parametrize("where", [".", "**/*"])
def test_what_is_no_file_is_left_out_with_a_line(
    photos: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = names(photos / where)
    (photos / "endless.png").symlink_to("/dev/urandom")
    os.mkfifo(photos / "a/pipe.tif")
    os.mknod(photos / "b/socket.jpg", stat.S_IFSOCK | 0o600)
    (photos / os.fsdecode(b"caf\xe9.png")).touch()
    assert names(photos / where) == before
    lines = capsys.readouterr().err.splitlines()
    assert {line.split(": is skipped: ")[1] for line in lines} == {
        "is a device, not a file",
        "is a FIFO, not a file",
        "is a socket, not a file",
        "its name is not UTF-8: rename it",
    }
    assert len(lines) == 4


def test_what_is_no_file_is_not_opened_where_it_is_named(photos: Path) -> None:
    os.mkfifo(photos / "pipe.txt")
    os.mkfifo(photos / "pipe.tif")
    with pytest.raises(DataError, match=r"pipe\.txt: is a FIFO, not a file"):
        list_samples(photos / "pipe.txt")
    with pytest.raises(DataError, match=r"pipe\.tif: is a FIFO, not a file"):
        open_raster(photos / "pipe.tif")
    with pytest.raises(DataError, match="is a device, not a file"):
        read_image(Path("/dev/urandom"))


@pytest.mark.parametrize("pattern", ["a**b", "a/**b/*.png", "\0*"])
def test_what_is_no_pattern_is_one_line(photos: Path, pattern: str) -> None:
    with pytest.raises(DataError, match=r"is not a valid pattern|matches no file"):
        list_samples(photos / pattern)


def test_a_nul_in_a_name_is_one_line(photos: Path) -> None:
    (photos / "list.txt").write_text("a/left_1.png\na/\0left_2.png\n")
    with pytest.raises(DataError, match=r"list\.txt:2: has a zero byte"):
        list_samples(photos / "list.txt")
    for read in (read_image, open_raster):
        with pytest.raises(DataError, match="is not a file name"):
            read(photos / "a/\0left_1.png")


def test_a_folder_that_cannot_be_listed_says_so(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr("os.scandir", refused)
    with pytest.raises(DataError, match=f"{photos}: cannot be listed: Permission denied"):
        list_samples(photos)


def test_the_old_name_of_a_list_still_works(capsys: pytest.CaptureFixture[str]) -> None:
    notice.cache_clear()
    split = SplitSpec.model_validate({"images": "a", "ids": "c"})
    assert split.list == Path("c").absolute()
    assert "'ids' is called 'list' now" in capsys.readouterr().err
