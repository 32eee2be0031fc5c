"""The journal after a kill at any byte, and in the hands of two."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.engine.jobs.journal import Entry, Journal
from seg.errors import OutputError


def entries(count: int) -> list[Entry]:
    rng = np.random.default_rng(count)
    return [
        Entry(f"image {n}", 100 + n, rng.integers(0, 5, (n + 1, 4), dtype=np.uint8)) for n in range(count)
    ]


def write(output: Path, some: list[Entry]) -> bytes:
    with Journal(output, "a run") as journal:
        for entry in some:
            journal.append(entry.packed())
    return journal.path.read_bytes()


def present(journal: Journal, some: list[Entry]) -> list[Entry]:
    return [entry for entry in some if journal.has(entry.id, entry.source_bytes)]


def check(journal: Journal, entry: Entry) -> None:
    read = journal.read(entry.id, entry.source_bytes)
    assert (read.id, read.source_bytes) == (entry.id, entry.source_bytes)
    np.testing.assert_array_equal(read.labels_hw, entry.labels_hw)


def test_entries_come_back(tmp_path: Path) -> None:
    some = entries(4)
    write(tmp_path / "out.csv", some)
    with Journal(tmp_path / "out.csv", "a run") as journal:
        assert present(journal, some) == some
        for entry in some:
            check(journal, entry)


def test_an_image_of_another_size_is_another_image(tmp_path: Path) -> None:
    (old,) = entries(1)
    new = replace(old, source_bytes=old.source_bytes + 1, labels_hw=old.labels_hw + 1)
    with Journal(tmp_path / "out.csv", "a run") as journal:
        journal.append(old.packed())
        assert not journal.has(new.id, new.source_bytes)
        journal.append(new.packed())
        check(journal, new)
        check(journal, old)


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
def test_a_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, place: int, value: int) -> None:
    folder = tmp_path_factory.mktemp("journal")
    some = entries(3)
    whole = bytearray(write(folder / "out.csv", some))
    place %= len(whole)
    whole[place] = value
    (folder / "out.csv.journal").write_bytes(whole)
    try:
        with Journal(folder / "out.csv", "a run") as journal:
            for entry in present(journal, some):
                check(journal, entry)
    except OutputError:
        pass


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
