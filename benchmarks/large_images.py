"""The whole road for a drawn slide, with the time and the peak memory of each command.

    python -m benchmarks.large_images /tmp/slides --side 20000

Draws a slide to train on and one to predict; then trains a small member, exports, evaluates and
predicts it, and writes outlines of its labels. Prints a table in Markdown.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SPEC: Final = """\
data: slides/dataset.yaml
recipe:
  {{ architecture: unet, encoder: resnet18, epochs: {epochs}, batch_size: 8, crop: 192, samples: 96,
    sampling: class_balanced, learning_rate: 2.0e-3, train_views: d4 }}
members: [{{ name: a }}]
runtime: cpu
tile: {{ size: 512 }}
"""
_COMMANDS: Final = (
    ("data", "check", "slides/dataset.yaml"),
    ("train", "spec.yaml"),
    ("export", "spec.yaml"),
    ("evaluate", "spec.yaml"),
    ("ensemble", "spec.yaml"),
    ("submission", "convert", "spec.yaml", "submission.csv", "--to", "geojson", "-o", "outlines"),
)


@dataclass(frozen=True)
class Measured:
    """A command, its seconds, and its largest resident memory in MB."""

    command: str
    seconds: float
    megabytes: float


def measure(command: Sequence[str], folder: Path) -> Measured:
    """Run a command of seg; exits if it fails."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "seg", *command], cwd=folder)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"seg {' '.join(command)}: failed")
    return Measured(" ".join(command), time.perf_counter() - start, used.ru_maxrss / 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=3)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    (asked.folder / "spec.yaml").write_text(_SPEC.format(epochs=asked.epochs), encoding="utf-8")
    draw = ("data", "sample", "slides", "--slide", str(asked.side))
    rows = [measure(command, asked.folder) for command in (draw, *_COMMANDS)]
    print("| command | seconds | peak memory, MB |\n|---|---:|---:|")
    for row in rows:
        print(f"| `seg {row.command}` | {row.seconds:.0f} | {row.megabytes:.0f} |")


if __name__ == "__main__":
    main()
