"""Ctrl-C at any time: at the first line of the program, during imports, at work, at the end."""

import json
from collections.abc import Iterator
from typing import Final

from tests.hostile.case import Case, both, file
from tests.hostile.cases_disk import RECORD
from tests.hostile.cases_environment import SUBMISSION

COMMANDS: Final = (
    "--help",
    "train spec.yaml",
    "export spec.yaml",
    "ensemble spec.yaml",
    "ensemble spec.yaml --devices=2",
    "evaluate spec.yaml",
    "report spec.yaml",
    "show spec.yaml",
    "tune spec.yaml",
    "calibrate spec.yaml",
    "pseudo spec.yaml --images=images",
    "soup spec.yaml",
    "distill spec.yaml",
    "sweep run sweep.yaml",
    "sweep show sweep.yaml",
    "runs",
    "serve spec.yaml --port=0",
    "data sample sample",
    "data check dataset.yaml",
    "data preview recipe.yaml",
    "spec check spec.yaml",
    "submission check spec.yaml all.csv",
    "submission convert spec.yaml all.csv --to=png -o out",
    "vote spec.yaml one.csv one.csv",
    "cache ls",
    "doctor",
)

REFUSED: Final = frozenset({"soup spec.yaml"})
"""Commands that are not interrupted before they find that the project has nothing for them."""

RECIPE: Final = """\
data: dataset.yaml
recipe: {architecture: fpn, encoder: resnet18, crop: 64}
members: [{name: a}]
"""

SECONDS: Final = (0.0, 0.01, 0.02, 0.05, 0.2, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)


def cases() -> Iterator[Case]:
    rows = "".join(f"{image}_{label},{3 * label + 1} 3\n" for image in range(8) for label in range(4))
    files = both(
        file("one.csv", SUBMISSION),
        file("all.csv", f"ImageId_ClassId,EncodedPixels\n{rows}"),
        file("runs/r/run.json", json.dumps(RECORD)),
        file("recipe.yaml", RECIPE),
    )
    for seconds in SECONDS:
        for words in COMMANDS:
            yield Case(
                f"{words} after {seconds} s",
                tuple(words.split()),
                files,
                "refused" if words in REFUSED else "accepted",
                interrupted_after=seconds,
            )
