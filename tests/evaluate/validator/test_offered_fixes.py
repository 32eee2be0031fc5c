"""What `seg submission check` offers to mend, `--fix` mends, and the check then finds no more."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from seg.commands.app import app
from seg.errors import SegError
from tests.evaluate.contest import HEADER, SQUARE, Contest, all_paper, in_rows, lines_of, set_runs, swap
from tests.evaluate.validator.small_contest import ONE, contest_of

Change = Callable[[str], str]


def delimited(delimiter: str) -> Change:
    return lambda text: text.replace(",", delimiter)


def without_last(text: str) -> str:
    return "\n".join(lines_of(text)[:-1]) + "\n"


def first_row_again(text: str) -> str:
    return text + lines_of(text)[1] + "\n"


CHANGES: dict[str, Change] = {
    "semicolons": delimited(";"),
    "tabs": delimited("\t"),
    "bars": delimited("|"),
    "another header": lambda text: text.replace(HEADER, "id,rle"),
    "no header": lambda text: text.partition("\n")[2],
    "columns in another order": lambda text: "".join(
        f"{runs},{one}\n" for one, _, runs in (line.partition(",") for line in lines_of(text))
    ),
    "a third column": lambda text: text.replace("\n", ",\n"),
    "quoted fields": lambda text: "".join('"{}","{}"\n'.format(*line.split(",")) for line in lines_of(text)),
    "CR LF": lambda text: text.replace("\n", "\r\n"),
    "a byte order mark": lambda text: "\ufeff" + text,
    "no last end of line": lambda text: text.removesuffix("\n"),
    "a missing row": without_last,
    "a row more": lambda text: text + "more_1,1 1\n",
    "an empty row more": lambda text: text + "more_1,\n",
    "a row twice": first_row_again,
    "a row twice, with an ending": lambda text: text + lines_of(text)[1].replace("_0_", "_0.png_") + "\n",
    "another order": swap,
    "ids with an ending": lambda text: re.sub(r"street_(\d)", r"street_\1.png", text),
    "an odd number": set_runs("1 2 3"),
    "words": set_runs("a b"),
    "runs that are not sorted": set_runs("5 2 1 1"),
    "runs that overlap": set_runs("1 4 3 4"),
    "a run of no pixels": set_runs("1 0"),
    "runs from 0": set_runs("0 1"),
    "a run beyond the end": set_runs("2304 2"),
    "a negative length": set_runs("1 -4"),
    "another empty": set_runs("-1"),
    "spaces": set_runs("1  4"),
    "two classes": set_runs("1 2304"),
    "an unknown class": lambda text: text.replace("street_0_1,", "street_0_9,"),
    "a field more": lambda text: text.replace("street_0_1,", "street_0_1,,"),
    "every mask empty": lambda text: "".join(f"{line.partition(',')[0]},\n" for line in lines_of(text)),
    "nothing but a header": lambda text: text.partition("\n")[0] + "\n",
}


def check(folder: Path, file: Path, *more: str | Path) -> tuple[str, BaseException | None]:
    command = ["submission", "check", folder / "spec.yaml", file, *more]
    done = CliRunner().invoke(app, list(map(str, command)))
    error = done.exception
    assert error is None or isinstance(error, SystemExit | SegError), error
    return done.output, error


def assert_offer_is_kept(folder: Path, file: Path) -> int:
    """Check, mend if that is offered, and check again; returns how many findings were mended."""
    said, _ = check(folder, file)
    if "nothing found" in said:
        return 0
    counts = re.search(r"(\d+) findings?, of which --fix mends (\d+)", said)
    found, mended = map(int, counts.groups()) if counts else (1, 0)
    assert ("--fix FILE" in said) == (mended > 0), said
    target = folder / "mended.csv"
    if not counts:
        assert "and --fix cannot mend the file: " in said
        _, error = check(folder, file, "--fix", target)
        assert isinstance(error, SegError)
        assert str(error) in said
        assert not target.exists()
    if not mended:
        return 0
    _, error = check(folder, file, "--fix", target, "--overwrite")
    assert isinstance(error, SystemExit), error
    said, _ = check(folder, target)
    left = re.search(r"(\d+) findings?", said)
    assert (int(left[1]) if left else 0) == found - mended, said
    assert "of which --fix mends 0" in said or "nothing found" in said
    return mended


@pytest.mark.parametrize("kind", CHANGES)
def test_an_offer_is_kept(tmp_path: Path, kind: str) -> None:
    """Of a mistake alone, and beside one that can be mended."""
    contest = Contest(tmp_path, SQUARE)
    text = CHANGES[kind](contest.path.read_text(encoding="utf-8"))
    contest.path.write_bytes(text.encode("utf-8"))
    assert_offer_is_kept(tmp_path, contest.path)
    contest.path.write_bytes(CHANGES["CR LF"](text).encode("utf-8"))
    (tmp_path / "mended.csv").unlink(missing_ok=True)
    assert_offer_is_kept(tmp_path, contest.path)


@pytest.mark.parametrize("kind", ["semicolons", "tabs", "bars", "no header", "CR LF", "another order"])
def test_these_are_mended_without_loss(tmp_path: Path, kind: str) -> None:
    contest = Contest(tmp_path, SQUARE)
    right = contest.path.read_bytes()
    contest.path.write_bytes(CHANGES[kind](right.decode()).encode())
    assert assert_offer_is_kept(tmp_path, contest.path) == 1
    assert (tmp_path / "mended.csv").read_bytes() == right


@pytest.mark.parametrize("breaks", [in_rows, all_paper])
def test_what_is_wrong_with_all_masks_stays_and_is_not_offered(
    tmp_path: Path, breaks: Callable[[Contest], None]
) -> None:
    contest = Contest(tmp_path, SQUARE)
    breaks(contest)
    assert assert_offer_is_kept(tmp_path, contest.path) == 0
    contest.path.write_bytes(contest.path.read_bytes().replace(b"\n", b"\r\n"))
    assert assert_offer_is_kept(tmp_path, contest.path) == 1


FORMS: dict[str, tuple[Sequence[str], dict[str, Any]]] = {
    "a row an image": (["id,rle", "b,", "a,"], {"format": "kaggle-per-image"}),
    "pixels": (["id,pixels", "b.png,", "a.png,"], {"format": "pixels"}),
    "a column of classes": (["id,class,rle", *(f"{one},{name}," for one in "ba" for name in ("ship",))], {}),
    "empty as -1": (["id,rle", "b,-1", "a,-1"], {"format": "kaggle-per-image", "empty": "-1"}),
    "the images of the spec": ([], {"format": "kaggle"}),
    "empty rows left out": ([], {"format": "kaggle", "empty": "drop"}),
}


@pytest.mark.parametrize("kind", ["semicolons", "another order", "a missing row", "a row more", "no header"])
@pytest.mark.parametrize("form", FORMS)
def test_an_offer_is_kept_in_every_table(tmp_path: Path, form: str, kind: str) -> None:
    sample, output = FORMS[form]
    if sample:
        (tmp_path / "sample.csv").write_text("\n".join(sample) + "\n")
        output = output | {"sample": "sample.csv"}
    maps = {"a": ONE, "b": np.roll(ONE, 1, axis=0), "c": ONE * 0}
    if sample:
        del maps["c"]
    spec = contest_of(tmp_path, maps, ["land", "ship"], **output)
    right = spec.output.file.read_text()
    assert "nothing found" in check(tmp_path, spec.output.file)[0], right
    spec.output.file.write_bytes(CHANGES[kind](right).encode())
    assert_offer_is_kept(tmp_path, spec.output.file)


@pytest.mark.parametrize("form", ["png", "coco"])
def test_nothing_is_offered_of_what_is_no_table(tmp_path: Path, form: str) -> None:
    spec = contest_of(tmp_path, {"a": ONE, "b": ONE}, ["land", "ship"], format=form, file="out")
    document = json.loads((tmp_path / "spec.yaml").read_text())
    document["output"]["file"] = "other"
    (tmp_path / "spec.yaml").write_text(json.dumps(document))
    if form == "png":
        (spec.output.file / "b.png").unlink()
    else:
        spec.output.file.write_text("[]")
    assert assert_offer_is_kept(tmp_path, spec.output.file) == 0
