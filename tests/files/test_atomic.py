"""Files and folders that are whole or not there: links, devices, kills, and disks that refuse."""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from seg.errors import OutputError
from seg.export.onnx_file.save import atomic_model
from seg.files.atomic import atomic_folder, atomic_path, remove_all_leftovers, remove_leftovers_of, write_text
from seg.files.outputs import Output

LARGEST = 20_000


@contextmanager
def small_disk() -> Iterator[None]:
    """No file grows beyond `LARGEST` bytes: the system then answers as on a full disk, by another number."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def killed_within(code: str) -> None:
    """Run Python that is killed, as by `kill -9`, where it says `die()`."""
    die = "import os, signal\nfrom pathlib import Path\ndef die(): os.kill(os.getpid(), signal.SIGKILL)\n"
    subprocess.run([sys.executable, "-c", die + code], check=False)


def test_a_link_stays_a_link_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link.csv").symlink_to("there/target.csv")
    for text in ("one", "two"):
        write_text(tmp_path / "link.csv", text)
        assert (tmp_path / "link.csv").is_symlink()
        assert (tmp_path / "there/target.csv").read_text() == text
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["target.csv"]


def test_permissions_of_what_is_replaced_stay(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    write_text(path, "one")
    assert path.stat().st_mode & 0o777 == 0o666 & ~os.umask(os.umask(0o22))
    path.chmod(0o600)
    write_text(path, "two")
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_write_protected_file_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("mine")
    path.chmod(0o444)
    with pytest.raises(OutputError, match="write-protected"):
        write_text(path, "other")
    assert path.read_text() == "mine"


def make_file(path: Path) -> None:
    write_text(path, "")


def make_folder(path: Path) -> None:
    with atomic_folder(path):
        pass


@pytest.mark.parametrize("write", [make_file, make_folder])
def test_what_is_no_regular_file_is_left_alone(tmp_path: Path, write: Callable[[Path], None]) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    (tmp_path / "circle").symlink_to("circle")
    for name, reason in (("fifo", "a FIFO"), ("link", "a FIFO"), ("circle", "in a circle")):
        with pytest.raises(OutputError, match=reason):
            write(tmp_path / name)
    assert (tmp_path / "fifo").is_fifo()
    assert (tmp_path / "link").is_symlink()
    assert len(list(tmp_path.iterdir())) == 3


def test_a_full_disk_is_named_with_the_path_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with (
        small_disk(),
        pytest.raises(OutputError, match=rf"^{re.escape(str(path))}: cannot be written: File too"),
    ):
        write_text(path, "x" * 10 * LARGEST)
    assert not list(tmp_path.iterdir())


def test_folders_that_were_made_for_nothing_are_removed(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "runs/a/deep/model.onnx"):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.rglob("*")] == ["runs"]


def test_a_full_disk_within_a_folder_names_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with (
        small_disk(),
        pytest.raises(OutputError, match=rf"^{re.escape(str(folder))}/a\.txt: cannot be written: File too"),
        atomic_folder(folder) as temporary,
    ):
        write_text(temporary / "a.txt", "x" * 10 * LARGEST)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".mp4", ".avi", ".mkv"])
def test_a_full_disk_leaves_no_half_video(tmp_path: Path, ending: str) -> None:
    """OpenCV itself goes on without an error."""
    from seg.data.images.video import write_video

    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (200, 300, 3), dtype=np.uint8) for _ in range(10)]
    with small_disk(), pytest.raises(OutputError, match="of 10 frames"):
        write_video(tmp_path / f"out{ending}", frames, 25)
    assert not list(tmp_path.iterdir())


def test_a_folder_above_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"cannot be written: (Not a directory|File exists)"):
        write_text(tmp_path / "notes.txt/out.csv", "")


def test_an_error_of_another_file_is_not_taken_for_one_of_writing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic_path(tmp_path / "out.csv"):
        (tmp_path / "elsewhere").read_text()


@pytest.mark.slow
def test_what_a_kill_left_goes_with_the_next_run(tmp_path: Path) -> None:
    mine = tmp_path / ".sub.csv.seg-my notes"
    mine.write_text("mine")
    other = tmp_path / "another.csv"
    for final in (tmp_path / "sub.csv", other):
        killed_within(
            "from seg.files.atomic import atomic_path\n"
            f"with atomic_path(Path({str(final)!r})) as path:\n"
            "    path.write_text('half')\n    die()"
        )
    assert len(list(tmp_path.iterdir())) == 3
    remove_leftovers_of(tmp_path / "sub.csv")
    assert sorted(path.name.partition(".seg-")[0] for path in tmp_path.iterdir()) == [
        ".another.csv",
        ".sub.csv",
    ]
    assert mine.read_text() == "mine"
    remove_all_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [mine]


def save_chart(final: Path) -> None:
    with atomic_path(final) as path:
        path.write_text("new")


def save_model(final: Path) -> None:
    with atomic_model(final) as path:
        path.write_text("new")


def save_output(final: Path) -> None:
    with Output(final, overwrite=True).writing() as path:
        write_text(path, "new")


def save_folder(final: Path) -> None:
    with atomic_folder(final) as folder:
        (folder / "a").write_text("new")


WRITERS: dict[str, Callable[[Path], None]] = {
    "text": lambda final: write_text(final, "new"),
    "a chart": save_chart,
    "a model": save_model,
    "an output": save_output,
    "a folder": save_folder,
}


@pytest.mark.parametrize("writer", WRITERS)
def test_every_writer_removes_what_a_kill_left_of_its_file_and_nothing_else(
    tmp_path: Path, writer: str
) -> None:
    """Of what is beside it: notes of a user, files of other outputs, and what a living process writes."""
    final = tmp_path / "model.onnx"
    left = tmp_path / ".model.onnx.seg-abcd_123.onnx"
    left.write_text("half")
    (tmp_path / ".model.onnx.seg-abcd_456").mkdir()
    kept = [".model.onnx.seg-my notes", ".model.onnx.backup", ".other.onnx.seg-abcd_123.onnx", "weights.data"]
    for name in kept:
        (tmp_path / name).write_text("mine")
    with atomic_path(tmp_path / "another.csv"):
        WRITERS[writer](final)
        assert left.exists(), "while anybody writes there, nothing is removed"
    WRITERS[writer](final)
    assert final.exists()
    found = {path.name for path in tmp_path.iterdir()} - {"model.onnx", "another.csv", ".seg-outputs"}
    assert found == set(kept)


@pytest.mark.slow
def test_a_killed_export_leaves_nothing_after_the_next(tmp_path: Path) -> None:
    killed_within(
        "from seg.export.onnx_file.save import atomic_model\n"
        f"with atomic_model(Path({str(tmp_path / 'model.onnx')!r})) as path:\n"
        "    path.write_text('half')\n    die()"
    )
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".model.onnx.seg-")
    save_model(tmp_path / "model.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_what_another_run_writes_is_left_alone(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "sub.csv") as temporary:
        remove_leftovers_of(tmp_path / "sub.csv")
        assert temporary.exists()


@pytest.mark.slow
def test_a_folder_that_a_kill_moved_away_comes_back(tmp_path: Path) -> None:
    """The kill comes between the two renames, when neither bears the name."""
    final = tmp_path / "out"
    final.mkdir()
    (final / "a.png").write_text("old")
    killed_within(
        "from seg.files import atomic\n"
        "Path.chmod = lambda *_: die()\n"
        f"with atomic.atomic_folder(Path({str(final)!r})) as folder:\n"
        "    (folder / 'a.png').write_text('new')"
    )
    assert not final.exists()
    remove_leftovers_of(final)
    assert (final / "a.png").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_that_cannot_take_the_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = tmp_path / "out"
    final.mkdir()
    (final / "a.png").write_text("old")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with (
        pytest.raises(OutputError, match=r"out: cannot be written: No space left on device: make room"),
        atomic_folder(final),
    ):
        monkeypatch.setattr(Path, "chmod", refuse)
    assert (final / "a.png").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
