"""A small contest: images, a spec, a right submission, and ways to break it.

    python -m tests.evaluate.contest > docs/design/broken-submissions.md

writes ten broken submissions and what the validator says of each.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import typer

from seg.data.images.images import write_image
from seg.engine.submissions import open_submission_format
from seg.evaluate.validator import check_submission
from seg.labels.label_map import LabelsHW
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.ensemble.output import OutputSpec, RleSpec
from tests.engine.tiny_models import CLASSES

SQUARE = (48, 48)
WIDE = (32, 60)
HEADER = "ImageId_ClassId,EncodedPixels"


def shapes(seed: int, size_hw: tuple[int, int]) -> LabelsHW:
    """A few bars and discs, more wide than high."""
    random = np.random.default_rng(seed)
    labels_hw = np.zeros(size_hw, dtype=np.uint8)
    for label in range(1, len(CLASSES)):
        middle = (int(random.integers(size_hw[1])), int(random.integers(size_hw[0])))
        cv2.ellipse(labels_hw, middle, (14, 5), 0, 0, 360, label, thickness=-1)
    return labels_hw


class Contest:
    """Images, a spec, and a right submission to break."""

    def __init__(self, folder: Path, size_hw: tuple[int, int]) -> None:
        self.maps = {f"street_{n}": shapes(n, size_hw) for n in range(4)}
        colours = np.array([(20, 20, 20), (220, 60, 60), (60, 220, 60), (60, 60, 220)], dtype=np.uint8)
        for image_id, labels_hw in self.maps.items():
            write_image(folder / f"images/{image_id}.png", colours[labels_hw])
        classes = [{"id": c.id, "name": c.name} for c in CLASSES]
        (folder / "train.json").write_text(json.dumps({"images": [], "categories": classes}))
        spec = {
            "data": {
                "train": {"images": "images", "annotations": "train.json"},
                "val": {"images": "images"},
                "unlabelled": "ground",
            },
            "members": [{"name": "a"}],
        }
        (folder / "spec.yaml").write_text(json.dumps(spec))
        self.spec: EnsembleSpec = load_ensemble(folder / "spec.yaml")
        self.path = folder / "a.csv"
        self.write(RleSpec())

    def write(self, style: RleSpec) -> None:
        open_submission_format(OutputSpec(rle=style), CLASSES, "ground", str).write(
            self.path, list(self.maps.items())
        )

    def findings(self) -> list[str]:
        return [str(finding) for finding in check_submission(self.spec, self.path)]


def lines_of(text: str) -> list[str]:
    return text.splitlines()


def swap(text: str) -> str:
    first, second, third, *rest = lines_of(text)
    return "\n".join([first, third, second, *rest]) + "\n"


def set_runs(runs: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        lines = lines_of(text)
        lines[1] = f"{lines[1].split(',')[0]},{runs}"
        return "\n".join(lines) + "\n"

    return change


def in_rows(contest: Contest) -> None:
    contest.write(RleSpec(order="rows"))


def all_paper(contest: Contest) -> None:
    contest.maps = {image_id: np.ones(SQUARE, dtype=np.uint8) for image_id in contest.maps}
    contest.write(RleSpec())


def rewritten(change: Callable[[str], str]) -> Callable[[Contest], None]:
    def rewrite(contest: Contest) -> None:
        text = contest.path.read_text(encoding="utf-8")
        contest.path.write_bytes(change(text).encode("utf-8"))

    return rewrite


TEN: dict[str, Callable[[Contest], None]] = {
    "Masks counted along rows, where the contest counts down columns": in_rows,
    "Pixels counted from 0, where the contest counts from 1": rewritten(set_runs("0 5 40 2")),
    "Runs that overlap": rewritten(set_runs("1 4 3 4")),
    "A start without a length": rewritten(set_runs("1 2 3")),
    "A run beyond the last pixel": rewritten(set_runs("2300 9")),
    "A pixel with two classes": rewritten(set_runs("1 2304")),
    "The last row forgotten": rewritten(lambda text: "\n".join(lines_of(text)[:-1]) + "\n"),
    "A row twice": rewritten(lambda text: text + lines_of(text)[1] + "\n"),
    "Saved by a spreadsheet": rewritten(lambda text: "\ufeff" + text.replace("\n", "\r\n")),
    "A network that says paper everywhere": all_paper,
}


def page() -> str:
    """What docs/design/broken-submissions.md should say."""
    parts = [
        "# Ten broken submissions\n\nFour square images with four classes each, a correct submission, and"
        " what [`seg submission check`](../how-to/submissions.md#before-it-is-sent) reports after each of"
        " these mistakes."
        " Findings that it has `--fix` mend are marked.\n"
    ]
    for number, (mishap, break_it) in enumerate(TEN.items(), start=1):
        with tempfile.TemporaryDirectory() as folder:
            contest = Contest(Path(folder), SQUARE)
            break_it(contest)
            found = check_submission(contest.spec, contest.path)
        said = "\n".join(f"- {finding}{' *(mended)*' if finding.is_fixable else ''}" for finding in found)
        parts.append(f"## {number}. {mishap}\n\n{said}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    typer.echo(page(), nl=False)
