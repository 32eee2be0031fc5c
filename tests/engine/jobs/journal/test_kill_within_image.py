"""A process that is killed in the middle of one large image, and the run that goes on from there."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from seg.data.images.images import write_image

COMMAND = """
import sys
from seg.data.images import raster
raster.LARGE = 1000
from seg.commands.app import app
app()
"""
"""The command line, for which a small image is a large one."""

SIDES_HW = (1600, 256)


@pytest.fixture
def slide(project: Path) -> Path:
    """The project with one image to predict, in tiles; returns the spec."""
    pytest.importorskip("rasterio")
    rng = np.random.default_rng(3)
    image_hwc = np.full((*SIDES_HW, 3), (200, 90, 30), dtype=np.uint8)
    image_hwc[:, 150:] = rng.integers(0, 256, (SIDES_HW[0], SIDES_HW[1] - 150, 3))
    write_image(project.parent / "slides/slide.png", image_hwc)
    document = json.loads(project.read_text())
    document["data"] |= {"predict": {"images": "slides"}}
    document |= {"tile": {"size": 64}, "output": {"file": "whole.csv"}}
    project.write_text(json.dumps(document))
    return project


def seg(*arguments: str | Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
@pytest.mark.parametrize("stops", [False, True])
def test_a_kill_in_the_middle_of_an_image_leaves_the_bytes_the_same(stops: bool, slide: Path) -> None:
    if stops:
        assert (
            seg("calibrate", slide, "--split", "predict", "--units", "tiles", "--tolerance", "0.1").wait()
            == 0
        )
    assert seg("ensemble", slide).wait() == 0
    expected = (slide.parent / "whole.csv").read_bytes()
    whole = (slide.parent / "whole.csv.journal").read_bytes()
    whole_strips = whole.count(b'"rows"')

    again = slide.parent / "again.csv"
    journal = slide.parent / "again.csv.journal"
    process = seg("ensemble", slide, "-o", again)
    while process.poll() is None and not (journal.exists() and journal.stat().st_size > len(whole) // 4):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not again.exists(), "the run ended before it was killed"
    strips = journal.read_bytes().count(b'"rows"')
    assert 1 <= strips < whole_strips, "it was not killed in the middle of the image"

    assert seg("ensemble", slide, "-o", again).wait() == 0
    assert again.read_bytes() == expected
