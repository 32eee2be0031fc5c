"""What the toy's training wrote of each epoch."""

import csv
from pathlib import Path


def metrics(spec_path: Path) -> list[dict[str, float]]:
    text = (spec_path.parent / "runs" / "toy" / "metrics.csv").read_text()
    return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(text.splitlines())]
