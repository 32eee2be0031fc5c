"""Names of files after images' ids: inside their folder, each its own, and back."""

from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.errors import OutputError
from seg.files.file_names import FileNames, check_file_names, id_of_file_name
from tests.hostile_ids import IDS


@given(IDS)
def test_an_id_is_told_from_its_name(image_id: str) -> None:
    name = FileNames(".png").name_of(image_id)
    assert id_of_file_name(name.removesuffix(".png")) == image_id


@given(IDS)
def test_a_name_stays_in_its_folder(image_id: str) -> None:
    name = FileNames(".png").name_of(image_id)
    folder = Path("/somewhere/out")
    inside = Path(*(part for part in (folder / name).parts if part != ".."))
    assert inside == folder / name
    assert inside.is_relative_to(folder)
    assert not PureWindowsPath(name).drive
    assert not PureWindowsPath(name).is_absolute()
    assert not any(ord(letter) < 32 for letter in name)
    name.encode()


@pytest.mark.parametrize(
    ("image_id", "name"),
    [
        ("left/0001", "left/0001.png"),
        ("a b.c", "a b.c.png"),
        ("100%", "100%.png"),
        ("été", "été.png"),
        ("/data/left/0001", "%2F/data/left/0001.png"),
        ("../0001", "%2E%2E/0001.png"),
        ("a//b", "a/%2F/b.png"),
        ("C:/x", "C%3A/x.png"),
        ("a\\b", "a%5Cb.png"),
        ("a\0b", "a%00b.png"),
        ("%2F", "%252F.png"),
        ("nul", "%6Eul.png"),
        ("\udc80", "%ED%B2%80.png"),
    ],
)
def test_usual_ids_are_left_alone_and_others_encoded(image_id: str, name: str) -> None:
    assert FileNames(".png").name_of(image_id) == name


@pytest.mark.parametrize("name", ["a%20b", "%zz", "%2f/x", "%FF"])
def test_names_of_other_tools_are_ids_as_they_are(name: str) -> None:
    assert id_of_file_name(name) == name


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Street", "street"),
        ("\u00e9", "e\u0301"),
        ("STRASSE", "straße"),
        ("a.png/b", "a"),
        ("a", "A.png/b"),
    ],
)
def test_ids_that_some_disk_takes_for_one_are_refused(one: str, other: str) -> None:
    with pytest.raises(OutputError, match="would be written to one file"):
        check_file_names([one, "between", other], ".png")


def test_an_id_is_written_once() -> None:
    with pytest.raises(OutputError, match="'a' is there twice"):
        check_file_names(["a", "b", "a"], ".png")


def test_a_name_longer_than_disks_take_is_refused() -> None:
    check_file_names(["é" * 125], ".png")
    with pytest.raises(OutputError, match="too long for a file"):
        check_file_names(["é" * 126], ".png")


@given(st.lists(IDS, unique=True, max_size=6))
def test_no_two_ids_share_a_name(image_ids: list[str]) -> None:
    names = FileNames(".png")
    try:
        found = [names.name_of(image_id) for image_id in image_ids]
    except OutputError:
        return
    assert len({name.casefold() for name in found}) == len(image_ids)
