"""All that is to be measured on a GPU: correctness, training, export, prediction, in at most eight minutes.

    python -m benchmarks.gpu OUT            # on a machine with an NVIDIA device
    python -m benchmarks.gpu OUT --small    # small networks and images: every step, on any machine

Each step is a process of its own with a time limit, the most valuable first: what fails, hangs or has no
time left costs its own rows alone, and says why in them. OUT/gpu.md has the table and OUT/gpu.json the same
figures, both written anew after every step; OUT/log has what each step printed. OUT/work has data and models,
and is used again where it is there.

It needs no installation: the checkout and its dependencies on PYTHONPATH will do. What is not there costs its
own rows.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

from benchmarks.gpu.harness.lacking import stand_in_folders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--small", action="store_true", help="small networks and images, for any machine")
    parser.add_argument("--minutes", type=float, default=8.0, help="what is not begun by then is left out")
    parser.add_argument("--only", metavar="TEXT", default="", help="only steps that have this in their name")
    options = parser.parse_args()
    ends_at = time.monotonic() + 60 * options.minutes
    # Before seg is imported, which needs what they stand in for.
    sys.path += map(str, stand_in_folders())
    from benchmarks.gpu.harness.harness import run_benchmark_steps
    from benchmarks.gpu.harness.table import as_markdown
    from benchmarks.gpu.steps.steps import gpu_benchmark_steps
    from benchmarks.gpu.workspace import FULL, SMALL, Workspace

    # What ends this process ends the step that runs, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside: the table has what was measured"))
    workspace = Workspace(options.out.absolute(), SMALL if options.small else FULL)
    steps = [step for step in gpu_benchmark_steps(workspace) if options.only in step.name]
    results = run_benchmark_steps(steps, workspace, ends_at)
    print(as_markdown(results))


if __name__ == "__main__":
    main()
