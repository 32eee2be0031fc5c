"""Where outputs may be written: over what seg wrote, and over nothing else."""

from pathlib import Path

import pytest

from seg.data.images.image_files import image_files_in
from seg.errors import OutputError
from seg.files.atomic import write_text
from seg.files.outputs import Output, output_folder
from seg.files.ownership import FOLDER, OUTPUTS, unowned_files


def write(output: Output, text: str = "ours") -> None:
    with output.writing() as path:
        write_text(path, text)


def write_folder(output: Output, **files: str) -> None:
    with output.writing() as path, output_folder(path) as folder:
        for name, text in files.items():
            (folder / name).write_text(text)


def test_a_file_of_ours_is_written_again(tmp_path: Path) -> None:
    for text in ("one", "two", "two", "three"):
        write(Output(tmp_path / "out.csv"), text)
        assert (tmp_path / "out.csv").read_text() == text


def test_a_file_of_somebody_else_is_kept_unless_that_is_insisted_on(tmp_path: Path) -> None:
    path = tmp_path / "thesis.docx"
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"thesis\.docx: was not written by seg.* --overwrite$"):
        write(Output(path))
    assert path.read_text() == "mine"
    write(Output(path, overwrite=True))
    assert path.read_text() == "ours"
    write(Output(path), "again")


def test_a_file_of_ours_that_was_changed_is_kept(tmp_path: Path) -> None:
    write(Output(tmp_path / "out.csv"))
    (tmp_path / "out.csv").write_text("ours, edited for hours")
    with pytest.raises(OutputError, match="changed since"):
        write(Output(tmp_path / "out.csv"))


def test_a_file_that_took_the_place_of_ours_is_kept(tmp_path: Path) -> None:
    write(Output(tmp_path / "out.csv"))
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "mine").replace(tmp_path / "out.csv")
    with pytest.raises(OutputError, match="not written by seg"):
        write(Output(tmp_path / "out.csv"))


def test_what_was_noted_survives_a_line_that_was_cut_off(tmp_path: Path) -> None:
    write(Output(tmp_path / "a.csv"))
    with (tmp_path / OUTPUTS).open("a") as record:
        record.write('\n["b.csv", "12')
    write(Output(tmp_path / "b.csv"))
    for name in ("a.csv", "b.csv"):
        write(Output(tmp_path / name), "again")


def test_the_same_output_is_noted_once(tmp_path: Path) -> None:
    for _ in range(3):
        write(Output(tmp_path / "a.csv"))
    assert len((tmp_path / OUTPUTS).read_text().splitlines()) == 1


@pytest.mark.parametrize("name", ["a.docx", "deep/er/a.docx", ".hidden", "link"])
def test_a_folder_with_anything_else_in_it_is_kept(tmp_path: Path, name: str) -> None:
    target = Output(tmp_path / "out", is_folder=True)
    write_folder(target, a="1")
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name == "link":
        path.symlink_to("a")
    else:
        path.write_text("mine")
    with pytest.raises(OutputError, match=f"{name}: was not written by seg"):
        write_folder(target, b="2")
    assert (tmp_path / "out/a").exists()
    assert path.exists()


def test_a_folder_of_ours_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = Output(tmp_path / "out", is_folder=True)
    write_folder(target, a="1")
    (tmp_path / "out/.DS_Store").write_text("left by a viewer")
    write_folder(target, b="2")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {FOLDER, "b"}
    assert not list(unowned_files(tmp_path / "out"))


def test_a_label_map_that_was_mended_by_hand_is_kept(tmp_path: Path) -> None:
    target = Output(tmp_path / "out", is_folder=True)
    write_folder(target, a="1", b="2")
    (tmp_path / "out/b").write_text("3")
    with pytest.raises(OutputError, match=r"out/b: .*changed since"):
        write_folder(target, a="1")
    assert (tmp_path / "out/b").read_text() == "3"


def test_an_empty_folder_holds_nothing_to_lose(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_folder(Output(tmp_path / "out", is_folder=True), a="1")


@pytest.mark.parametrize("how", ["itself", "hard link", "symbolic link", "another way"])
def test_what_is_read_is_never_written_whatever_it_is_called(tmp_path: Path, how: str) -> None:
    read = tmp_path / "images/a.jpg"
    read.parent.mkdir()
    read.write_text("a photo")
    path = tmp_path / "out.csv"
    if how == "itself":
        path = read
    elif how == "hard link":
        path.hardlink_to(read)
    elif how == "symbolic link":
        path.symlink_to(read)
    else:
        path = tmp_path / "images/../images/a.jpg"
    with pytest.raises(OutputError, match="is what this command reads"):
        write(Output(path, [read], overwrite=True))
    assert read.read_text() == "a photo"


def test_a_photo_below_a_folder_that_is_read_is_never_written(tmp_path: Path) -> None:
    photo = tmp_path / "images/deep/a.JPG"
    photo.parent.mkdir(parents=True)
    photo.write_text("a photo")
    reads = [tmp_path / "images"]
    with pytest.raises(OutputError, match="is what this command reads"):
        write(Output(photo, reads, overwrite=True))
    with pytest.raises(OutputError, match="holds what this command reads"):
        write_folder(Output(photo.parent, reads, overwrite=True, is_folder=True))
    assert photo.read_text() == "a photo"
    (tmp_path / "images/notes.csv").write_text("mine")
    write(Output(tmp_path / "images/notes.csv", reads, overwrite=True))


@pytest.mark.parametrize("above", ["images", "."])
def test_a_folder_with_what_is_read_is_never_replaced(tmp_path: Path, above: str) -> None:
    photo = tmp_path / "images/a.jpg"
    photo.parent.mkdir()
    photo.write_text("a photo")
    for reads in ([tmp_path / "images"], [photo]):
        with pytest.raises(OutputError, match=r"(is|holds) what this command reads"):
            write_folder(Output(tmp_path / above, reads, overwrite=True, is_folder=True))
    assert photo.read_text() == "a photo"


def test_a_file_is_no_place_for_a_folder_nor_the_other_way_round(tmp_path: Path) -> None:
    write(Output(tmp_path / "file"))
    write_folder(Output(tmp_path / "folder", is_folder=True))
    with pytest.raises(OutputError, match="is a file where a folder"):
        write_folder(Output(tmp_path / "file", overwrite=True, is_folder=True))
    with pytest.raises(OutputError, match="is a folder where a file"):
        write(Output(tmp_path / "folder", overwrite=True))


@pytest.mark.skipif(not Path("/proc/version").exists(), reason="needs /proc, where nothing can be made")
def test_a_place_that_cannot_be_written_is_told_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^/proc/x\.csv: cannot be written: /proc: (No such|Perm|Read)"):
        Output(Path("/proc/x.csv")).check()
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(OutputError, match=r"cannot be written: .*notes is a file, not a folder"):
        Output(tmp_path / "notes/deep/x.csv").check()


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    Output(tmp_path / "new/deep/out.csv").check()
    assert not list(tmp_path.iterdir())
    write(Output(tmp_path / "new/deep/out.csv"))
    assert sorted(path.name for path in (tmp_path / "new/deep").iterdir()) == [OUTPUTS, "out.csv"]


def test_label_maps_beside_images_are_no_images(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("a photo")
    target = Output(tmp_path / "out", [tmp_path], is_folder=True)
    write_folder(target, **{"a.png": "a label map"})
    assert image_files_in(tmp_path) == [tmp_path / "a.png"]
    assert image_files_in(tmp_path / "out") == [tmp_path / "out/a.png"]
    write_folder(target, **{"a.png": "another"})


@pytest.mark.parametrize("is_folder", [True, False])
def test_a_name_that_leaves_no_room_for_files_beside_it_is_refused(tmp_path: Path, is_folder: bool) -> None:
    Output(tmp_path / ("ä" * 111), is_folder=is_folder).check()
    with pytest.raises(OutputError, match=r"has a name of 224 bytes.*: shorten it to 223 bytes"):
        Output(tmp_path / ("ä" * 112), is_folder=is_folder).check()
