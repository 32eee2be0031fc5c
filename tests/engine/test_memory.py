"""Peak memory of whole processes: flat in images, and a few bytes a pixel of a tiled one."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seg.data.images.images import write_image
from seg.labels.classes import ClassInfo, default_colour
from tests.engine.tiny_models import MakeModel

CLASSES = tuple(ClassInfo(id=n, name=f"class {n}", colour=default_colour(n)) for n in range(40))
FLOATS_A_PIXEL = 4 * len(CLASSES)

RUN = """
import resource, sys
from pathlib import Path
from seg.engine.jobs.predict import run_ensemble
from seg.spec import load_ensemble
run_ensemble(load_ensemble(Path(sys.argv[1])))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="peaks are told in other units elsewhere")


def peak_bytes(folder: Path, model: Path, images: int, side: int) -> int:
    """What a run over so many square images takes, at its peak."""
    fields_hwc = np.random.default_rng(0).integers(0, 256, (side // 50, side // 50, 3), dtype=np.uint8)
    for number in range(images):
        write_image(folder / f"images/{number}.jpg", np.kron(fields_hwc, np.ones((50, 50, 1), np.uint8)))
    coco = {"images": [], "categories": [{"id": c.id, "name": c.name} for c in CLASSES]}
    (folder / "classes.json").write_text(json.dumps(coco))
    spec = {
        "data": {
            "train": {"images": "images", "annotations": "classes.json"},
            "val": {"images": "images"},
        },
        "members": [{"name": "a", "model": str(model)}],
        "tile": {"size": 64},
        "runtime": "cpu",
    }
    (folder / "spec.yaml").write_text(json.dumps(spec))
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder / "spec.yaml")], stdout=subprocess.PIPE, text=True, check=True
    )
    return int(done.stdout.split()[-1])


@pytest.mark.slow
def test_a_tiled_image_never_has_its_probabilities_whole(tmp_path: Path, make_model: MakeModel) -> None:
    model = make_model(1, CLASSES)
    small, large = 500, 2000
    grown = peak_bytes(tmp_path / "large", model, 1, large) - peak_bytes(tmp_path / "small", model, 1, small)
    assert grown / (large**2 - small**2) < FLOATS_A_PIXEL / 4


@pytest.mark.slow
def test_more_images_take_no_more(tmp_path: Path, make_model: MakeModel) -> None:
    """A tenth of the probabilities of those that are more would be too much."""
    model = make_model(1, CLASSES)
    few, many = peak_bytes(tmp_path / "few", model, 20, 100), peak_bytes(tmp_path / "many", model, 200, 100)
    assert many - few < 180 * 100**2 * FLOATS_A_PIXEL / 10
