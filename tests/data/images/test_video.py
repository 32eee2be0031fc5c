"""A video that is damaged is one line, or the frames that are whole, and FFmpeg says nothing."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

READ = """
import sys
from pathlib import Path
from seg.data.images.video import read_frames

list(read_frames(Path(sys.argv[1])))
"""


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut off", "changed within"])
def test_nothing_is_written_past_us(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "x.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for number in range(20):
        writer.write(np.random.default_rng(number).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    writer.release()
    data = bytearray(path.read_bytes())
    data[3000:-3000:997] = bytes(len(data[3000:-3000:997]))
    path.write_bytes(data[: len(data) // 2] if damage == "cut off" else data)
    done = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True, check=False)
    *_, last = done.stderr.splitlines() or [""]
    assert last.startswith("seg.errors.DataError: ") or done.returncode == 0
    assert "mpeg4" not in done.stderr
    assert "moov" not in done.stderr
