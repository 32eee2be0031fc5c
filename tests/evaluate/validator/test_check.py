"""Deliberately broken submissions, and what the validator says of each."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from seg.commands.app import app
from seg.commands.submission import EXIT_FINDINGS
from seg.data.images.raster import Raster, open_raster
from seg.errors import DataError
from seg.evaluate.validator import Finding, check_submission, list_findings, repair_submission
from seg.evaluate.validator.run_lengths import parse_run_lengths, repair_runs
from seg.spec.ensemble.output import RleSpec
from tests.evaluate.contest import (
    HEADER,
    SQUARE,
    TEN,
    WIDE,
    Contest,
    all_paper,
    lines_of,
    page,
    set_runs,
    swap,
)
from tests.evaluate.validator.small_contest import ONE, contest_of

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_further_columns_are_those_of_the_sample(tmp_path: Path) -> None:
    sample, wrong, mended = (tmp_path / f"{name}.csv" for name in ("sample", "wrong", "mended"))
    sample.write_text("id,height,rle\nb,9,\na,4,\n")
    spec = contest_of(
        tmp_path,
        {"a": ONE, "b": ONE},
        ["ground", "road"],
        sample=str(sample),
        format="kaggle-per-image",
    )
    assert spec.output.file.read_text() == "id,height,rle\nb,9,6 2 10 2\na,4,6 2 10 2\n"
    assert not check_submission(spec, spec.output.file, sample)
    wrong.write_text("rle,id,height\n6 2 10 2,b,9\n6 2 10 2,a,5\n")
    (other,) = [str(one) for one in check_submission(spec, wrong, sample) if one.line == 3]
    assert other == "line 3: height is '5': it should be '4', as in the sample"
    repaired = repair_submission(spec, wrong, sample)
    repaired.write(mended)
    assert repaired.changed == 1
    assert mended.read_bytes() == spec.output.file.read_bytes()


@pytest.fixture
def contest(tmp_path: Path) -> Contest:
    return Contest(tmp_path, SQUARE)


def test_nothing_is_found_where_nothing_is_wrong(contest: Contest) -> None:
    assert contest.findings() == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda t: t.replace(HEADER, "id,rle"), "line 1: the header is 'id,rle'"),
        (lambda t: t.replace("\n", "\r\n"), "whole file: lines end with CR LF"),
        (lambda t: "\ufeff" + t, "whole file: starts with a byte order mark"),
        (lambda t: "\n".join(lines_of(t)[:-1]) + "\n", "1 row of the spec's images missing: street_3_4"),
        (lambda t: t + "more_1,1 1\n", "1 row not in the spec's images: more_1"),
        (lambda t: t + lines_of(t)[1] + "\n", "'street_0_1' is already in line 2"),
        (swap, "rows have another order"),
        (set_runs("1 2 3"), "line 2: 3 numbers do not form pairs"),
        (set_runs("a b"), "line 2: 'a b' is not a list of numbers"),
        (set_runs("5 2 1 1"), "line 2: runs are not sorted"),
        (set_runs("1 4 3 4"), "line 2: runs overlap"),
        (set_runs("1 0"), "line 2: a run has no pixels"),
        (set_runs("0 1"), "line 2: runs count from 0"),
        (set_runs("2304 2"), "line 2: a run ends at pixel 2305 of 2304"),
        (set_runs("1 -4"), "line 2: a run has a negative length"),
        (set_runs("-1"), "line 2: a class without pixels is '' here"),
        (set_runs("1 2304"), "pixels have another class already"),
        (
            lambda t: t.replace("street_0_1,", "street_0_9,"),
            "line 2: 'street_0_9' does not end in a class id",
        ),
        (lambda t: t.replace("street_0_1,", "street_0_1,,"), "line 2: has 3 fields"),
        (lambda t: "\n".join(f"{line.split(',')[0]}," for line in lines_of(t)[1:]), "every mask is empty"),
    ],
)
def test_every_mistake_is_named_with_its_line(
    contest: Contest, change: Callable[[str], str], expected: str
) -> None:
    text = contest.path.read_text(encoding="utf-8")
    contest.path.write_bytes(change(text).encode("utf-8"))
    assert any(expected in finding for finding in contest.findings()), contest.findings()


TAKEN = "pixels have another class already"
FOUND_OF_TEN = [
    ["whole file: masks fit when their runs are counted along rows"],
    ["line 2: runs count from 0", f"line 5: 3 {TAKEN}"],
    ["line 2: runs overlap", f"line 5: 3 {TAKEN}"],
    ["line 2: 3 numbers do not form pairs"],
    ["line 2: a run ends at pixel 2308 of 2304"],
    [f"line 3: 202 {TAKEN}", f"line 4: 247 {TAKEN}", f"line 5: 167 {TAKEN}"],
    ["whole file: 1 row of the spec's images missing: street_3_4"],
    ["line 18: 'street_0_1' is already in line 2"],
    ["whole file: starts with a byte order mark", "whole file: lines end with CR LF"],
    ["whole file: every pixel is paper"],
]


@pytest.mark.parametrize(("mishap", "expected"), list(zip(TEN, FOUND_OF_TEN, strict=True)))
def test_each_of_the_ten_is_found_alone(contest: Contest, mishap: str, expected: list[str]) -> None:
    TEN[mishap](contest)
    found = contest.findings()
    assert [said[: len(start)] for said, start in zip(found, expected, strict=True)] == expected


def test_pixels_that_two_classes_claim_are_counted(contest: Contest) -> None:
    """Where one class takes the whole image, all others' pixels are taken."""
    TEN["A pixel with two classes"](contest)
    counts = np.bincount(contest.maps["street_0"].ravel(), minlength=5)
    numbers = [int(finding.split(": ")[1].split()[0]) for finding in contest.findings()]
    assert numbers == counts[1:4].tolist()


def test_the_page_says_what_the_validator_says() -> None:
    """Written by `python -m tests.evaluate.contest`."""
    assert (DOCS / "design/broken-submissions.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("size_hw", [SQUARE, WIDE])
def test_a_transposed_submission_is_found(tmp_path: Path, size_hw: tuple[int, int]) -> None:
    contest = Contest(tmp_path, size_hw)
    assert contest.findings() == []
    contest.write(RleSpec(order="rows"))
    assert any("counted along rows" in finding for finding in contest.findings())


def test_every_pixel_of_one_class_is_found(contest: Contest) -> None:
    all_paper(contest)
    assert any("every pixel is paper" in finding for finding in contest.findings())


def test_what_is_mended_has_no_findings(contest: Contest, tmp_path: Path) -> None:
    right = contest.path.read_bytes()
    lines = lines_of(contest.path.read_text())
    cells = [line.partition(",") for line in lines[1:]]
    broken = []
    for row_id, _, runs in reversed(cells):
        numbers = runs.split()
        pairs = [f"{a} {b}" for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
        broken.append(f"{row_id},{' '.join(pairs[::-1]) or '-1'}")
    contest.path.write_bytes(("\ufeffid,rle\r\n" + "\r\n".join(broken[1:])).encode())
    assert len(contest.findings()) > 3
    repaired = repair_submission(contest.spec, contest.path, None)
    assert repaired.changed > 3
    repaired.write(tmp_path / "mended.csv")
    mended = (tmp_path / "mended.csv").read_text()
    assert check_submission(contest.spec, tmp_path / "mended.csv") == []
    assert lines_of(mended)[:-1] == lines_of(right.decode())[:-1]


def test_what_cannot_be_mended_is_refused(contest: Contest, tmp_path: Path) -> None:
    contest.path.write_text(set_runs("1 2 3")(contest.path.read_text()))
    with pytest.raises(DataError, match=r"a\.csv:2: its runs cannot be repaired"):
        repair_submission(contest.spec, contest.path, None).write(tmp_path / "mended.csv")
    assert not (tmp_path / "mended.csv").exists()


@given(text=st.text(alphabet="0123456789 -", max_size=40))
def test_any_text_is_read(text: str) -> None:
    parse_run_lengths(text, 20, RleSpec())


@settings(deadline=None)
@given(
    runs=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 9)), max_size=8),
    first=st.sampled_from([0, 1]),
)
def test_mending_keeps_the_pixels(runs: list[tuple[int, int]], first: int) -> None:
    style = RleSpec(first=first)
    text = " ".join(f"{start} {length}" for start, length in runs)
    mended = repair_runs(parse_run_lengths(text, 40, style), style)
    assert mended is not None
    pixels = {start + k for start, length in runs for k in range(length)}
    numbers = list(map(int, mended.split()))
    again = {s + k for s, n in zip(numbers[::2], numbers[1::2], strict=True) for k in range(n)}
    assert again == pixels
    assert not parse_run_lengths(mended, 40, style).mistakes


def test_more_than_the_contest_takes_is_said(contest: Contest, tmp_path: Path) -> None:
    size = contest.path.stat().st_size
    assert check_submission(contest.spec, contest.path, max_bytes=size) == []
    (finding,) = check_submission(contest.spec, contest.path, max_bytes=size - 1)
    assert finding.problem == f"has {size:,} bytes, but {size - 1:,} are the limit"
    command = ["submission", "check", str(tmp_path / "spec.yaml"), str(contest.path), "--limit", "1KB"]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == EXIT_FINDINGS
    assert "1,000 are the limit" in done.output


def test_an_image_is_decoded_once_for_all_its_rows(contest: Contest, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []

    def counted(path: Path) -> Raster:
        opened.append(path)
        return open_raster(path)

    monkeypatch.setattr("seg.data.images.read_sample.open_raster", counted)
    check_submission(contest.spec, contest.path, look_at_images=False)
    assert sorted(path.stem for path in opened) == sorted(contest.maps)


def test_many_findings_alike_are_summed_up() -> None:
    alike = [Finding(line, "has 2 fields", "quote them") for line in range(2, 642)]
    other = Finding(700, "an unknown id", "remove it")
    lines = list(list_findings([*alike, other]))
    assert lines[:10] == [f"line {line}: has 2 fields: quote them" for line in range(2, 12)]
    assert lines[10:] == [
        "630 lines more, up to line 641: has 2 fields: quote them",
        "line 700: an unknown id: remove it",
    ]
    assert list(list_findings(alike[:10])) == lines[:10]
