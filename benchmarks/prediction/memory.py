"""Peak memory of whole runs: many images, one to five members, with and without a budget.

    python -m benchmarks.prediction.memory ensembles/camvid.yaml --images 100 1000 5000 --members 1 3 5
    python -m benchmarks.prediction.memory ensembles/camvid.yaml --images 100 1000 --memory 700MB
    python -m benchmarks.prediction.memory ensembles/camvid.yaml --square 10000 --tile 512 --written-as tif

The spec's validation images and members are repeated as often as it takes; `--square` draws one image of
that side instead. Each run is a process of its own, and its peak is what the system says at its end.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from seg.data import open_split
from seg.data.images.images import write_image
from seg.spec import EnsembleSpec, load_ensemble

RUN = """
import resource, sys
from pathlib import Path
import cv2
from seg.commands.options.sizes import parse_bytes
from seg.engine.jobs.predict import run_ensemble
from seg.spec import load_ensemble
cv2.setNumThreads(1)
memory = parse_bytes("--memory", sys.argv[2]) if sys.argv[2] else None
summary = run_ensemble(load_ensemble(Path(sys.argv[1])), memory=memory)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, summary.seconds)
"""


def link_images_for_memory(spec: EnsembleSpec, count: int, folder: Path) -> None:
    folder.mkdir()
    samples = open_split(spec.data, "val").samples
    for number in range(count):
        image = samples[number % len(samples)].image
        (folder / f"{number:05}{image.suffix}").symlink_to(image)


def draw_image(side: int, suffix: str, folder: Path) -> None:
    """Large even fields with noise on them, as aerial images have them."""
    random = np.random.default_rng(0)
    fields_hwc = random.integers(0, 256, (side // 250 + 1, side // 250 + 1, 3), dtype=np.uint8)
    image_hwc = np.kron(fields_hwc, np.ones((250, 250, 1), dtype=np.uint8))[:side, :side]
    write_image(folder / f"large.{suffix}", image_hwc)


def write_spec(spec: EnsembleSpec, members: int, tile: int | None, folder: Path) -> Path:
    """A spec in JSON, which is YAML, over the folder's images."""
    models = [str(spec.model(member)) for member in spec.members]
    train = spec.data.split("train")
    document = {
        "data": {
            "train": {
                "images": str(train.images[0]),
                "annotations": train.annotations and str(train.annotations),
            },
            "val": {"images": "images"},
        },
        "members": [{"name": str(n), "model": models[n % len(models)]} for n in range(members)],
        "runtime": spec.runtime,
    } | ({"tile": {"size": tile}} if tile else {})
    (folder / "spec.yaml").write_text(json.dumps(document), encoding="utf-8")
    return folder / "spec.yaml"


def measured_memory(spec: Path, memory: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(spec), memory], stdout=subprocess.PIPE, text=True, check=True
    )
    peak, seconds = map(float, done.stdout.split()[-2:])
    return f"{peak:.0f} | {seconds:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("spec", type=Path)
    parser.add_argument("--images", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--members", type=int, nargs="+", default=[1, 3, 5])
    parser.add_argument("--memory", default="", metavar="SIZE")
    parser.add_argument("--square", type=int, metavar="SIDE")
    parser.add_argument("--written-as", choices=["png", "tif"], default="png")
    parser.add_argument("--tile", type=int)
    options = parser.parse_args()
    spec = load_ensemble(options.spec)

    print(f"budget: {options.memory or 'none'}\n\n| members | images | peak MB | s |\n|---|---|---|---|")
    for members in options.members:
        for images in [1] if options.square else options.images:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                if options.square:
                    draw_image(options.square, options.written_as, folder / "images")
                else:
                    link_images_for_memory(spec, images, folder / "images")
                row = measured_memory(write_spec(spec, members, options.tile, folder), options.memory)
            print(f"| {members} | {images} | {row} |", flush=True)


if __name__ == "__main__":
    main()
