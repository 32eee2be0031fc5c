"""NEEDED entries of real libraries, beside what binutils reads in them."""

import re
import shutil
import subprocess
from pathlib import Path

import cv2
import onnxruntime
import pytest

from seg.engine.runtimes.nvidia.elf import read_elf_dependencies

LIBRARIES = [
    *sorted((Path(onnxruntime.__file__).parent / "capi").glob("*.so")),
    *sorted(Path(cv2.__file__).parent.glob("*.so")),
]


@pytest.mark.skipif(shutil.which("readelf") is None, reason="readelf of binutils is not installed")
@pytest.mark.parametrize("library", LIBRARIES, ids=lambda path: path.name)
def test_it_reads_what_readelf_reads(library: Path) -> None:
    text = subprocess.run(["readelf", "-dW", library], check=True, capture_output=True, text=True).stdout
    assert read_elf_dependencies(library) == tuple(re.findall(r"\(NEEDED\).*\[(.*)\]", text))


@pytest.mark.parametrize("size", [10, 64, 200, 5000])
def test_a_library_that_is_cut_off_is_refused(size: int, tmp_path: Path) -> None:
    (tmp_path / "x.so").write_bytes(LIBRARIES[0].read_bytes()[:size])
    with pytest.raises(ValueError, match=r"x\.so: is not a whole library"):
        read_elf_dependencies(tmp_path / "x.so")


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.so").write_bytes(b"MZ" + bytes(100))
    with pytest.raises(ValueError, match=r"x\.so: is not a 64-bit little-endian ELF file"):
        read_elf_dependencies(tmp_path / "x.so")
