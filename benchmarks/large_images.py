"""The whole road for a drawn slide, with the time and the peak memory of each command.

    python -m benchmarks.large_images /tmp/slides --side 20000

Draws a slide to train on and one to predict; then trains a small member, exports, evaluates, tunes and
predicts it, and writes outlines of its labels. Prints a table in Markdown, row by row.
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
  {{ architecture: unet, encoder: resnet18, epochs: {epochs}, batch_size: 8, crop: 192, samples: {samples},
    sampling: class_balanced, learning_rate: 2.0e-3, train_views: d4 }}
members: [{{ name: a }}]
views: hflip
runtime: cpu
tile: {{ size: 512 }}
"""
_COMMANDS: Final = (
    ("data", "check", "slides/dataset.yaml"),
    ("data", "preview", "spec.yaml"),
    ("train", "spec.yaml"),
    ("export", "spec.yaml"),
    ("evaluate", "spec.yaml"),
    ("tune", "spec.yaml", "--no-write"),
    ("report", "spec.yaml"),
    ("calibrate", "spec.yaml", "--units", "tiles", "--tolerance", "0.02"),
    ("ensemble", "spec.yaml"),
    ("submission", "check", "spec.yaml", "submission.csv"),
    ("submission", "convert", "spec.yaml", "submission.csv", "--to", "geojson", "-o", "outlines"),
    ("submission", "convert", "spec.yaml", "submission.csv", "--to", "geotiff", "-o", "maps"),
    ("vote", "spec.yaml", "submission.csv", "submission.csv", "-o", "voted.csv"),
    ("show", "spec.yaml", "--submission", "submission.csv"),
)


@dataclass(frozen=True)
class Measured:
    """A command, its seconds of the clock and of processors, and its largest resident memory in MB."""

    command: str
    seconds: float
    processor: float
    megabytes: float


def measure_large_command(command: Sequence[str], folder: Path) -> Measured:
    """Run a command of seg; exits if it fails."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "seg", *command], cwd=folder)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"seg {' '.join(command)}: failed")
    processor = used.ru_utime + used.ru_stime
    return Measured(" ".join(command), time.perf_counter() - start, processor, used.ru_maxrss / 1e3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--side", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--samples", type=int, default=96, help="crops in an epoch")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    (asked.folder / "spec.yaml").write_text(
        _SPEC.format(epochs=asked.epochs, samples=asked.samples), encoding="utf-8"
    )
    draw = ("data", "sample", "slides", "--slide", str(asked.side))
    print("| command | seconds | processor, s | peak memory, MB |\n|---|---:|---:|---:|")
    for command in (draw, *_COMMANDS):
        row = measure_large_command(command, asked.folder)
        print(
            f"| `seg {row.command}` | {row.seconds:.0f} | {row.processor:.0f} | {row.megabytes:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
