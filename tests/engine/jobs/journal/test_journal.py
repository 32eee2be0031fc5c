"""The journal after a kill at any byte, and in the hands of two."""

import itertools
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seg.engine.image_source import ImageSource
from seg.engine.jobs.journal.journal import Journal
from seg.engine.jobs.journal.journal_entry import ExpectedLabels, JournalEntry, StripRows
from seg.errors import OutputError

FORMAT_BYTES = len(b"seg journal 2\n")


def entries(count: int) -> list[JournalEntry]:
    rng = np.random.default_rng(count)
    return [
        JournalEntry(f"image {n}", f"content {n}", rng.integers(0, 5, (n + 1, 4), dtype=np.uint8))
        for n in range(count)
    ]


def write(output: Path, some: list[JournalEntry]) -> bytes:
    with Journal(output, "a run") as journal:
        for entry in some:
            journal.append(entry.packed())
    return journal.path.read_bytes()


def source_of(entry: JournalEntry) -> ImageSource:
    """A store's image, whose content need not be read."""
    return ImageSource(Path(entry.id), version=entry.content)


def present(journal: Journal, some: list[JournalEntry]) -> list[JournalEntry]:
    return [entry for entry in some if journal.has(entry.id, source_of(entry))]


def check(journal: Journal, entry: JournalEntry) -> None:
    read = journal.read(entry.id)
    assert (read.id, read.content) == (entry.id, entry.content)
    np.testing.assert_array_equal(read.labels_hw, entry.labels_hw)


def test_entries_come_back(tmp_path: Path) -> None:
    some = entries(4)
    write(tmp_path / "out.csv", some)
    with Journal(tmp_path / "out.csv", "a run") as journal:
        assert present(journal, some) == some
        for entry in some:
            check(journal, entry)


def test_an_image_of_another_content_is_another_image(tmp_path: Path) -> None:
    (old,) = entries(1)
    new = replace(old, content="another", labels_hw=old.labels_hw + 1)
    with Journal(tmp_path / "out.csv", "a run") as journal:
        journal.append(old.packed())
        assert not present(journal, [new])
        journal.append(new.packed())
        assert present(journal, [old, new]) == [new]
        check(journal, new)


def test_a_journal_of_an_older_version_says_what_to_do(tmp_path: Path) -> None:
    older = b"seg journal 1\n" + write(tmp_path / "out.csv", entries(1)).partition(b"\n")[2]
    (tmp_path / "out.csv.journal").write_bytes(older)
    with pytest.raises(OutputError, match="--restart"), Journal(tmp_path / "out.csv", "a run"):
        pass
    assert (tmp_path / "out.csv.journal").read_bytes() == older


def test_a_kill_at_any_byte_costs_only_what_was_not_whole(tmp_path: Path) -> None:
    some = entries(3)
    whole = write(tmp_path / "out.csv", some)
    path = tmp_path / "out.csv.journal"
    ends = [len(write(tmp_path / f"{n}.csv", some[:n])) for n in range(len(some) + 1)]
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        survivors = sum(end <= length for end in ends[1:])
        with Journal(tmp_path / "out.csv", "a run") as journal:
            assert present(journal, some) == some[:survivors]
            for entry in some[survivors:]:
                journal.append(entry.packed())
        assert path.read_bytes() == whole


@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_changed_byte_costs_its_entry_and_those_after_it(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    some = entries(3)
    ends = [len(write(folder / f"{n}.csv", some[:n])) for n in range(len(some) + 1)]
    changed = bytearray(write(folder / "out.csv", some))
    place %= len(changed)
    is_same, changed[place] = changed[place] == value, value
    path = folder / "out.csv.journal"
    path.write_bytes(changed)
    if place < FORMAT_BYTES and not is_same:
        with pytest.raises(OutputError), Journal(folder / "out.csv", "a run"):
            pass
        assert path.read_bytes() == changed
        return
    whole = len(some) if is_same else sum(end <= place for end in ends[1:])
    with Journal(folder / "out.csv", "a run") as journal:
        assert present(journal, some) == some[:whole]
        for entry in some[:whole]:
            check(journal, entry)


def test_another_run_is_refused_and_kept(tmp_path: Path) -> None:
    before = write(tmp_path / "out.csv", entries(2))
    with pytest.raises(OutputError, match="--restart"), Journal(tmp_path / "out.csv", "another run"):
        pass
    assert (tmp_path / "out.csv.journal").read_bytes() == before
    with Journal(tmp_path / "out.csv", "another run", restart=True) as journal:
        assert not present(journal, entries(2))


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    with (
        Journal(tmp_path / "out.csv", "a run"),
        pytest.raises(OutputError, match="another run is writing"),
        Journal(tmp_path / "out.csv", "a run"),
    ):
        pass


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "out.csv.journal"
    path.write_text("my notes, not to be lost")
    with pytest.raises(OutputError, match="not a journal"), Journal(tmp_path / "out.csv", "a run"):
        pass
    assert path.read_text() == "my notes, not to be lost"


def record(head: bytes, labels_hw: NDArray[Any] | None) -> bytes:
    png = b"" if labels_hw is None else cv2.imencode(".png", labels_hw)[1].tobytes()
    return head + b"\n" + png


MAP = np.zeros((4, 6), np.uint8)
HEAD = b'{"id": "a", "content": "c", "look": null}'
A = ImageSource(Path("a"), version="c")
IMPOSSIBLE = {
    "no JSON": record(b"x", MAP),
    "no id": record(b"{}", MAP),
    "a list": record(b"[]", MAP),
    "nested": record(b"[" * 100_000, MAP),
    "no map": record(HEAD, None),
    "another size": record(HEAD, MAP[:2]),
    "a label of no class": record(HEAD, MAP + 5),
    "colours": record(HEAD, np.zeros((4, 6, 3), np.uint8)),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_whole_record_that_is_impossible_is_dropped_with_a_word(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = JournalEntry("b", "d", MAP + 4)
    expected = ExpectedLabels(5, {"a": (4, 6), "b": (6, 4)}.get)
    with Journal(tmp_path / "out.csv", "a run", expected=expected) as journal:
        journal.append(right.packed())
        journal.append(record(HEAD, MAP))
    whole = journal.path.read_bytes()
    with Journal(tmp_path / "out.csv", "a run", expected=expected) as journal:
        assert journal.has("a", A)
    assert capsys.readouterr().err == ""
    frame = struct.pack("<II", len(IMPOSSIBLE[name]), zlib.crc32(IMPOSSIBLE[name]))
    good = record(HEAD, MAP)
    journal.path.write_bytes(whole[: -len(good) - len(frame)] + frame + IMPOSSIBLE[name])
    with Journal(tmp_path / "out.csv", "a run", expected=expected) as journal:
        assert not journal.has("a", A)
        check(journal, right)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"seg: {journal.path}: an entry is dropped, and its image is predicted again: ")


STRIPS = [(0, 3), (3, 2), (5, 4)]
"""First row and rows of the strips of a label map of 9 rows."""

LABELS_HW = np.random.default_rng(5).integers(0, 5, (9, 7), dtype=np.uint8)


def strip(top: int, rows: int, content: str = "c", of: int = 9) -> JournalEntry:
    return JournalEntry("x", content, LABELS_HW[top : top + rows], rows=StripRows(top, of))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_strips_in_any_order_are_one_label_map(order: tuple[int, ...], tmp_path: Path) -> None:
    source = ImageSource(Path("x"), version="c")
    with Journal(tmp_path / "out.csv", "a run") as journal:
        written: set[int] = set()
        for number in order:
            assert not journal.has("x", source)
            journal.append(strip(*STRIPS[number]).packed())
            written.add(number)
            first_missing = min(set(range(4)) - written)
            assert journal.rows_done("x", source) == [0, 3, 5, 9][first_missing]
        assert journal.has("x", source)
    with Journal(tmp_path / "out.csv", "a run") as journal:
        labels = journal.labels("x")
        assert not isinstance(labels, np.ndarray)
        assert labels.shape == LABELS_HW.shape
        for place in ((slice(0, 9), slice(0, 7)), (slice(2, 6), slice(3, 5)), (slice(8, 9), slice(0, 1))):
            np.testing.assert_array_equal(labels[place], LABELS_HW[place])


def test_strips_of_a_file_that_has_changed_do_not_count(tmp_path: Path) -> None:
    with Journal(tmp_path / "out.csv", "a run") as journal:
        for place in STRIPS:
            journal.append(strip(*place).packed())
        journal.append(strip(0, 3, "changed").packed())
        assert journal.rows_done("x", ImageSource(Path("x"), version="c")) == 0
        assert journal.rows_done("x", ImageSource(Path("x"), version="changed")) == 3


def test_a_strip_outside_its_label_map_is_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "out.csv", [strip(0, 3), strip(3, 6, of=5)])
    with Journal(tmp_path / "out.csv", "a run") as journal:
        assert journal.rows_done("x", ImageSource(Path("x"), version="c")) == 3
    assert "its rows are not those of a label map" in capsys.readouterr().err
