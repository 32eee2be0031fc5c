"""Parquet files of Hugging Face."""

import io
import subprocess
import sys

import pyarrow as pa
from pyarrow import parquet

from tests.hostile.case import Prepare, file
from tests.hostile.imports.parts import Named, png_bytes


def parquet_files() -> Named:
    for name, content in {
        "nothing": b"",
        "text": b"hello",
        "a magic": b"PAR1",
        "two magics": b"PAR1\xff\xff\xff\x7fPAR1",
        "junk between": b"PAR1" + bytes(range(256)) * 9 + b"\x10\0\0\0PAR1",
    }.items():
        yield "huggingface", name, file("g/a.parquet", content)
    yield "huggingface", "other columns", rows("g/a.parquet", "x", "y")
    for name, row in {
        "null": {"bytes": None},
        "text": {"bytes": b"hello"},
        "a path alone": {"path": "x"},
    }.items():
        yield (
            "huggingface",
            f"masks of {name}",
            _table(pa.table({"image": [{"bytes": png_bytes()}], "label": [row]})),
        )
        yield (
            "huggingface",
            f"images of {name}",
            _table(pa.table({"image": [row], "label": [{"bytes": png_bytes()}]})),
        )
    yield "huggingface", "numbers", _table(pa.table({"image": [1], "label": [2]}))
    yield (
        "huggingface",
        "other sizes",
        _table(pa.table({"image": [{"bytes": png_bytes((9, 9))}], "label": [{"bytes": png_bytes()}]})),
    )
    yield (
        "huggingface",
        "text in place of an image",
        _table(pa.table({"image": [{"bytes": b"hello"}], "label": [{"bytes": png_bytes()}]})),
    )
    yield (
        "huggingface",
        "a column twice",
        _table(
            pa.Table.from_arrays([pa.array([1]), pa.array([1]), pa.array([2])], ["image", "image", "label"])
        ),
    )
    yield (
        "huggingface",
        "much that is packed",
        _table(pa.table({"image": [{"bytes": png_bytes()}], "label": [{"bytes": bytes(5_000_000)}]})),
    )

    yield "huggingface", "a cell of 150 MB of zeros", file("g/a.parquet", _packed_cell(150_000_000))

    whole = io.BytesIO()
    parquet.write_table(
        pa.table({"image": [{"bytes": png_bytes()}] * 40, "label": [{"bytes": png_bytes()}] * 40}), whole
    )
    content = whole.getvalue()
    for place in range(8, len(content), max(1, len(content) // 40)):
        flipped = bytearray(content)
        flipped[place] ^= 0x55
        yield "huggingface", f"byte {place}", file("g/a.parquet", bytes(flipped))


def _packed_cell(size: int) -> bytes:
    """A small file, made by another process: the memory that it takes would be that of all cases after it."""
    script = (
        "import io, sys, pyarrow as pa; from pyarrow import parquet; stream = io.BytesIO();"
        " from tests.hostile.imports.parts import png_bytes;"
        " row = pa.table({'image': [{'bytes': png_bytes()}], 'label': [{'bytes': bytes(int(sys.argv[1]))}]});"
        " parquet.write_table(row, stream, compression='zstd'); sys.stdout.buffer.write(stream.getvalue())"
    )
    return subprocess.run([sys.executable, "-c", script, str(size)], capture_output=True, check=True).stdout


def _table(table: pa.Table) -> Prepare:
    return lambda folder: parquet.write_table(table, folder / "g/a.parquet")


def rows(place: str, image: str, mask: str) -> Prepare:
    return lambda folder: parquet.write_table(
        pa.table({image: [{"bytes": png_bytes()}], mask: [{"bytes": png_bytes()}]}), folder / place
    )
