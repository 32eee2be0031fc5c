"""Charts: the front against brute force, and files that are pictures."""

from pathlib import Path

import cv2
from hypothesis import given
from hypothesis import strategies as st

from seg.pictures.charts import TradeOffPoint, draw_curves, draw_trade_offs, pareto_front_of_points

POINTS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12)


@given(pairs=POINTS)
def test_a_point_is_on_the_front_where_nothing_beats_it(pairs: list[tuple[int, int]]) -> None:
    points = [TradeOffPoint(str(number), cost, worth) for number, (cost, worth) in enumerate(pairs)]
    front = {(p.cost, p.worth) for p in pareto_front_of_points(points)}
    expected = {
        (p.cost, p.worth)
        for p in points
        if not any(
            q.cost <= p.cost and q.worth >= p.worth and (q.cost, q.worth) != (p.cost, p.worth) for q in points
        )
    }
    assert front == expected


def test_charts_are_pictures(tmp_path: Path) -> None:
    points = [
        TradeOffPoint("a", 1, 0.4, "fpn"),
        TradeOffPoint("b", 2, 0.5, "unet"),
        TradeOffPoint("c", 3, 0.45, "fpn"),
    ]
    draw_trade_offs(tmp_path / "a.png", "mIoU", {"minutes": points, "GFLOPs": points})
    draw_curves(tmp_path / "b.png", {"loss": {"train": [1, 0.5], "val": [1.1, 0.7]}}, along="epoch")
    for name in ("a.png", "b.png"):
        picture = cv2.imread(str(tmp_path / name))
        assert picture is not None and picture.std() > 1
