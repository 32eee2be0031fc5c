"""Where time goes, with a clock that is set by hand."""

import time

import pytest

from seg.engine.pipeline.timing import Clock


def test_time_within_a_stage_is_not_that_of_the_one_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    clock = Clock()
    with clock.stage("decide"):
        now += 1
        with clock.stage("encode"):
            now += 2
            with clock.stage("write"):
                now += 4
        now += 8
        with clock.stage("encode"):
            now += 16
    assert dict(clock.seconds) == {"decide": 9, "encode": 18, "write": 4}
