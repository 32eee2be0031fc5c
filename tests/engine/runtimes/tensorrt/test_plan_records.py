"""The records beside TensorRT plans: what no build wrote is one line."""

import os
from pathlib import Path

import pytest

from seg.engine.runtimes.tensorrt.plan_file import plan_records_beside
from seg.errors import ModelError

DAMAGED = (
    b"",
    bytes(range(256)),
    b"[" * 100_000,
    b"null",
    b'{"facts": {"gpu": 3}, "sha256": 7}',
    b'{"facts": ' + b"9" * 5000 + b"}",
    b'{"facts": {"a": "\\ud800"}, "sha256": "x"}',
    "{}".encode("utf-16"),
)


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_record_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model-1.plan.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"model-1\.plan\.json: is not the record of its plan"):
        plan_records_beside(tmp_path / "model.onnx")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model-1.plan.json")
    with pytest.raises(OSError, match="is a FIFO"):
        plan_records_beside(tmp_path / "model.onnx")
