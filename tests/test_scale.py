"""The arithmetic of very many images, by hand and turned round."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.prediction.scale import (
    PredictionAtScale,
    dollars_per_million,
    hours_to_predict,
    images_per_second,
    lost_share,
    rates_of_parts,
    storage_gb,
)

CALM = PredictionAtScale(passes_per_second=400.0, dollars_per_hour=2.5, lost_per_hour=0.0)


def test_a_plan_worked_by_hand() -> None:
    """One GPU at 360 passes a second does an image of 10 passes 36 times: 129,600 an hour."""
    plan = PredictionAtScale(
        images=1_296_000, passes_per_image=10, passes_per_second=360, gpus=1, dollars_per_hour=2.0,
        dollars_per_million_requests=0.5, lost_per_hour=0.0, image_kb=500, labels_kb=20,
    )  # fmt: skip
    assert images_per_second(plan) == 36
    assert hours_to_predict(plan) == 10
    assert dollars_per_million(plan) == pytest.approx(1e6 / 129_600 * 2.0 + 0.5)
    assert storage_gb(plan) == (648, 25.92)


@pytest.mark.parametrize(
    ("part", "change", "rate"),
    [
        ("read", {"decodes_per_second": 1, "latency_ms": 1000}, 64 * 8 / 2),
        ("network", {"network_gbit": 0.024}, 64 * 10),
        ("requests", {"requests_per_second": 100}, 100),
        ("journal", {"journal_mb_per_second": 1}, 100),
        ("passes", {"passes_per_second": 1}, 8),
    ],
)
def test_each_part_can_be_the_slowest(part: str, change: dict[str, float], rate: float) -> None:
    plan = replace(CALM, **change)  # type: ignore[arg-type]
    assert min(rates_of_parts(plan), key=lambda name: rates_of_parts(plan)[name]) == part
    assert images_per_second(plan) == pytest.approx(rate)


@given(gpus=st.integers(1, 40), more=st.integers(2, 5))
def test_more_gpus_save_time_and_no_money_until_something_else_is_slower(gpus: int, more: int) -> None:
    few, many = replace(CALM, gpus=gpus), replace(CALM, gpus=gpus * more)
    assert hours_to_predict(many) <= hours_to_predict(few)
    shared = min(rates_of_parts(many)["requests"], rates_of_parts(many)["journal"])
    if rates_of_parts(many)["passes"] <= shared:
        assert hours_to_predict(many) == pytest.approx(hours_to_predict(few) / more)
        assert dollars_per_million(many) == pytest.approx(dollars_per_million(few))
    else:
        assert dollars_per_million(many) > dollars_per_million(few)


def test_losses_cost_what_they_take_from_the_time() -> None:
    """A worker that dies every hour, and takes six minutes with it, loses a tenth."""
    plan = replace(CALM, lost_per_hour=1.0, start_s=360, images_at_risk=0)
    assert lost_share(plan) == pytest.approx(0.1)
    calm = images_per_second(replace(plan, lost_per_hour=0.0))
    assert math.isclose(images_per_second(plan), 0.9 * calm)


@pytest.mark.slow
def test_the_script_says_where_the_bottleneck_is() -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks.prediction.scale",
        "--gpus",
        "4",
        "--requests-per-second",
        "50",
    ]
    command += ["--passes-per-second", "400", "--dollars-per-hour", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "bottleneck: requests" in done.stdout
    assert "4 GPUs" in done.stdout
