"""How often the tuned ensemble of the quickstart beats its best member, and by how much.

    python -m benchmarks.quickstart --seeds 5

Each seed draws its own images and starts the networks from other weights. All else is as in `make
quickstart`, by the same commands. What is done is not done again.
"""

import argparse
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Final

from seg.evaluate.compare import ENSEMBLE, EQUAL_WEIGHTS, Comparison, compare_members
from seg.spec import load_ensemble

SPEC: Final = Path("ensembles/quickstart.yaml")


def run_seg_for_quickstart(*words: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "seg", *map(str, words)], check=True)


def score_quickstart_seed(seed: int, folder: Path) -> Comparison:
    """The scores of one seed, on images that neither training nor tuning has seen."""
    spec, tuned = folder / "ensemble.yaml", folder / ".tuned"
    if not tuned.exists():
        run_seg_for_quickstart("data", "sample", folder / "data", "--seed", str(seed))
        text = SPEC.read_text(encoding="utf-8").replace("../quickstart/", "")
        spec.write_text(with_other_seeds(text, seed), encoding="utf-8")
        for command in ("train", "export", "tune"):
            run_seg_for_quickstart(command, spec)
        tuned.touch()
    return compare_members(load_ensemble(spec), "predict")


def with_other_seeds(text: str, draw: int) -> str:
    """The spec with seeds that no other draw has, and that differ as they did."""
    return re.sub(r"\bseed: (\d+)", lambda found: f"seed: {int(found[1]) + 100 * draw}", text)


def quickstart_cells(seed: int, found: Comparison) -> tuple[str, ...]:
    views = {row.name: row.viewed.miou for row in found.rows}
    assert found.gain is not None, "several members and images"
    gain, low, high = (
        f"{100 * points:+.2f}" for points in (found.gain.gain, found.gain.low, found.gain.high)
    )
    best, equal = views[found.gain.over], views.get(EQUAL_WEIGHTS, views[ENSEMBLE])
    scores = (f"{miou:.4f}" for miou in (best, equal, views[ENSEMBLE]))
    return (str(seed), *scores, f"{gain} ({low}..{high})")


def describe_wins(gains: list[float]) -> str:
    """How often the tuned ensemble is better, and by how many points."""
    spread = f" ± {statistics.stdev(gains):.2f}" if len(gains) > 1 else ""
    wins = sum(gain > 0 for gain in gains)
    return f"tuned wins {wins} of {len(gains)} draws, by {statistics.mean(gains):+.2f}{spread} points"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("runs/quickstart-seeds"))
    given = parser.parse_args()
    found = [score_quickstart_seed(seed, given.folder / str(seed)) for seed in range(given.seeds)]
    header = ("seed", "best member with views", "equal weights", "tuned", "tuned over best, points")
    for row in (
        header,
        ["---:"] * len(header),
        *(quickstart_cells(seed, one) for seed, one in enumerate(found)),
    ):
        print("|", " | ".join(row), "|")
    print(f"\n{describe_wins([100 * one.gain.gain for one in found if one.gain])}")


if __name__ == "__main__":
    main()
