"""The table of README's first page: the usual loop of smp and ttach beside seg, in one run on one machine.

    python -m benchmarks.first_page

trains, exports and tunes the members of `ensembles/first-page.yaml` with the commands of seg, as far as that
is not done. Then the loop of `first_page_loop.py` and `seg ensemble` write submissions of the same
checkpoints and images, in alternating rounds, as whole processes. mIoU is that of `seg evaluate` on a drive
that neither training nor tuning has seen.
"""

import argparse
import ast
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from seg.data import open_split
from seg.evaluate.compare import ENSEMBLE, EQUAL_WEIGHTS, ComparisonRow, compare_members
from seg.evaluate.submission_scores import score_submission
from seg.spec import EnsembleSpec, load_ensemble

SPEC: Final = Path("ensembles/first-page.yaml")
LOOPS: Final = (Path("examples/train_plain_pytorch.py"), Path("benchmarks/first_page_loop.py"))
COMMANDS: Final = ("train", "export", "tune", "ensemble")


def lines_of_python(path: Path) -> int:
    """Lines of statements, each on one line, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            node.body = node.body[1:] or [ast.Pass()]
    return sum(1 for line in ast.unparse(tree).splitlines() if line.strip())


def lines_of_yaml(path: Path) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    return sum(1 for line in lines if line.strip() and not line.lstrip().startswith("#"))


def run_seg_for_first_page(*words: str | Path) -> None:
    subprocess.run([sys.executable, "-m", "seg", *map(str, words)], check=True)


def prepare_first_page(tuned: Path, equal: Path) -> EnsembleSpec:
    """Members that are trained and exported, with equal weights at `equal` and tuned ones at `tuned`."""
    run_seg_for_first_page("train", equal)
    run_seg_for_first_page("export", equal)
    if not tuned.exists():
        shutil.copy(equal, tuned)
        run_seg_for_first_page("tune", tuned)
    return load_ensemble(tuned)


def seconds_of(command: Sequence[str | Path]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *map(str, command)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def race_loop_and_seg(equal: Path, spec: EnsembleSpec, rounds: int) -> tuple[float, float, float]:
    """Images a second of the loop and of seg, and the loop's mIoU."""
    samples = open_split(spec.data, "predict").samples
    theirs, ours = spec.runs / "loop.csv", spec.runs / "seg.csv"
    loop: list[str | Path] = [
        "-m",
        "benchmarks.first_page_loop",
        spec.runs,
        *(s.image for s in samples),
        "-o",
        theirs,
    ]
    run: list[str | Path] = ["-m", "seg", "ensemble", equal, "--runtime", "auto", "--restart", "-o", ours]
    seconds: dict[str, list[float]] = {"loop": [], "seg": []}
    seconds_of(run)  # Which runtime is the fastest is measured once, and kept.
    for number in range(rounds):
        for name, command in [("loop", loop), ("seg", run)][:: 1 if number % 2 else -1]:
            seconds[name].append(seconds_of(command))
    rates = [len(samples) / statistics.median(seconds[name]) for name in ("loop", "seg")]
    return rates[0], rates[1], score_submission(spec, theirs).scores().miou


def viewed_miou(row: ComparisonRow) -> str:
    low, high = row.viewed.interval or (row.viewed.miou, row.viewed.miou)
    return f"{row.viewed.miou:.4f}" + (f" ({low:.4f}..{high:.4f})" if high > low else "")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    tuned = SPEC.with_name("first-page-tuned.yaml")
    spec = prepare_first_page(tuned, SPEC)
    theirs, ours, their_miou = race_loop_and_seg(SPEC, spec, rounds)
    comparison = compare_members(spec, "predict")
    rows = {row.name: row for row in comparison.rows}
    best = max(
        (row for name, row in rows.items() if name not in (EQUAL_WEIGHTS, ENSEMBLE)),
        key=lambda row: row.viewed.miou,
    )
    fused = spec.runs / "first-page.onnx"
    run_seg_for_first_page("export", tuned, "--fuse", "-o", fused)
    code = f"{sum(map(lines_of_python, LOOPS))} of Python"
    yaml = f"{lines_of_yaml(SPEC)} of YAML, {len(COMMANDS)} commands"
    table = [
        ("", "smp + ttach in a loop", "seg"),
        ("---", "---:", "---:"),
        ("lines to write, from images to a submission", code, yaml),
        ("images a second, the whole command", f"{theirs:.2f}", f"{ours:.2f}"),
        ("mIoU, best member", "", viewed_miou(best)),
        ("mIoU, equal weights", f"{their_miou:.4f}", viewed_miou(rows.get(EQUAL_WEIGHTS, rows[ENSEMBLE]))),
        ("mIoU, tuned", "", viewed_miou(rows[ENSEMBLE])),
        ("the whole ensemble as one file", "", f"{fused.stat().st_size / 1e6:.0f} MB"),
    ]  # fmt: skip
    networks = f"{len(spec.members)} networks, views {', '.join(spec.views)}"
    print(f"{comparison.images} images, {networks}\n")
    print(*("| " + " | ".join(row) + " |" for row in table), sep="\n")


if __name__ == "__main__":
    main()
