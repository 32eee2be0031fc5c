"""How cores are counted and shared."""

import os
from pathlib import Path

import pytest

from seg.engine.runtimes import hardware as machine
from seg.engine.runtimes.hardware import default_streams, usable_cores


@pytest.mark.parametrize("cores", range(1, 130))
def test_streams_fit_the_cores(cores: int) -> None:
    streams = default_streams(cores)
    assert streams.threads >= 1
    assert streams.count * streams.threads <= cores
    assert streams.count * streams.threads > cores - streams.count


@pytest.mark.parametrize(
    ("text", "expected"), [("150000 100000", 1), ("100 100000", 1), ("max 100000", 64), ("", 64)]
)
def test_a_containers_quota_counts(
    text: str, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(machine, "CPU_MAX", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert usable_cores() == expected
