"""The engine in a real process: it labels, it says why it cannot start, and it is replaced when it dies."""

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from seg.engine.ensemble import Ensemble
from seg.engine.serve.http.errors import HttpError
from seg.engine.serve.labelling import memory
from seg.engine.serve.labelling.engine import Engine, EngineProcess
from seg.engine.serve.labelling.worker import EngineOptions
from seg.errors import SpecError
from seg.spec import load_ensemble
from tests.engine.serve.conftest import MEMORY, PATIENCE_S, some_image


def options(project: Path, most: int = MEMORY) -> EngineOptions:
    return EngineOptions(load_ensemble(project), "team", most, 0, 16_000_000)


def labels_of(engine: Engine, seed: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    content, headers = engine.submit("png", some_image(seed)[None]).result(PATIENCE_S)
    assert headers == {"Content-Type": "image/png"}
    found = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return np.asarray(found, dtype=np.uint8)


def test_it_is_replaced_when_it_dies(project: Path) -> None:
    started: list[EngineProcess] = []

    def start() -> EngineProcess:
        started.append(EngineProcess.start(options(project)))
        return started[-1]

    engine = Engine(start(), start)
    try:
        expected_hw = Ensemble.load(project).predict(some_image(1)).labels
        np.testing.assert_array_equal(labels_of(engine, 1), expected_hw)
        lost = engine.submit("png", some_image(1, (2000, 2000))[None])
        started[0].end()
        with pytest.raises(HttpError, match="ended"):
            lost.result(PATIENCE_S)
        gives_up = time.monotonic() + PATIENCE_S
        while len(started) < 2 or not engine.is_ready:
            assert time.monotonic() < gives_up
            time.sleep(0.02)
        np.testing.assert_array_equal(labels_of(engine, 1), expected_hw)
    finally:
        engine.close()


def test_it_says_why_it_cannot_start(project: Path) -> None:
    with pytest.raises(SpecError, match=r"--memory: 0\.01 GB are too few"):
        EngineProcess.start(options(project, 10**7))


def test_memory_is_for_requests_where_the_system_does_not_tell_what_is_held(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "can_measure_memory", lambda: False)
    monkeypatch.setattr(memory, "_MEMINFO", Path("/nowhere"))
    found = memory.divide_memory(Ensemble.load(project), memory.default_server_memory(), 16_000_000, 0)
    assert (found.requests, found.engine_process, found.tile) == (memory.USUAL_MEMORY, None, None)
    assert "it takes Linux" in found.line()
