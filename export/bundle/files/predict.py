"""Predict images and check the submission: python predict.py IMAGES -o submission.csv --deadline 8h"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

BUNDLE = Path(__file__).resolve().parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path, help="the folder of images")
    parser.add_argument("-o", "--output", type=Path, default=Path("submission.csv"))
    parser.add_argument("--sample", type=Path, help="the contest's sample submission, if it has one")
    parser.add_argument("--list", type=Path, help="the JSON or CSV that names the images, if the bundle asks")
    parser.add_argument("--deadline", help="a time such as 8h30m")
    parser.add_argument(
        "--packages", type=Path, default=Path("seg-packages"), help="where install.sh put seg"
    )
    options = parser.parse_args()
    packages = [str(options.packages.resolve()), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(packages)

    run = Path("seg-run")  # The bundle's YAML beside links to what it names.
    run.mkdir(exist_ok=True)
    (run / "ensemble.yaml").write_bytes((BUNDLE / "ensemble.yaml").read_bytes())
    named = {"models": BUNDLE / "models", "images": options.images}
    named |= {
        "sample_submission.csv": options.sample,
        "list" + getattr(options.list, "suffix", ""): options.list,
    }
    for name, target in named.items():
        link = run / name
        if link.is_symlink():
            link.unlink()
        if target is not None:
            link.symlink_to(target.resolve())

    deadline = ["--deadline", options.deadline] if options.deadline else []
    run_seg("ensemble", run / "ensemble.yaml", "--output", options.output, *deadline)
    run_seg("submission", "check", run / "ensemble.yaml", options.output)


def run_seg(*arguments: str | Path) -> None:
    done = subprocess.run([sys.executable, "-m", "seg", *map(str, arguments)], check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
