"""A metric that is a function of the user's: what it gets, what it may return, what is refused."""

from pathlib import Path

import numpy as np
import pytest

from seg.errors import SpecError
from seg.labels.classes import ClassInfo
from seg.metrics.metric import Metric
from seg.metrics.open_metric import open_metric
from seg.spec.ensemble.metric import MetricSpec

CLASSES = tuple(ClassInfo(name=name, id=number, colour=(0, 0, 0)) for number, name in enumerate("abc"))
TRUTH = np.array([[0, 1, 2, 255]], np.uint8)
PREDICTED = np.array([[0, 1, 1, 1]], np.uint8)


def metric_of(folder: Path, code: str, without: tuple[str, ...] = ()) -> Metric:
    file = folder / "mine.py"
    file.write_text(code)
    return open_metric(MetricSpec(name=f"{file}:score", without=without), CLASSES, "multiclass")


def test_it_gets_labelled_pixels_of_classes_that_count(tmp_path: Path) -> None:
    metric = metric_of(
        tmp_path,
        "def score(truth, predicted):\n"
        "    assert truth.dtype == predicted.dtype == bool\n"
        "    assert truth.tolist() == [[[True, False, False, False]], [[False, False, True, False]]]\n"
        "    assert predicted.tolist() == [[[True, False, False, False]], [[False, False, False, False]]]\n"
        "    return (truth & predicted).sum() / truth.sum()\n",
        without=("b",),
    )
    tally = metric.tally(TRUTH, PREDICTED)
    np.testing.assert_array_equal(tally, [[0.5, 1], [0, 0], [0.5, 1]])
    assert metric.score(np.stack([tally, tally])) == 0.5


def test_a_number_for_each_class_and_none_where_there_is_nothing(tmp_path: Path) -> None:
    metric = metric_of(tmp_path, "def score(truth, predicted): return [1.0, 0.5, float('nan')]")
    tallies = metric.tally(TRUTH, PREDICTED)[None]
    assert metric.score(tallies) == 0.75
    np.testing.assert_array_equal(metric.class_scores(tallies), [1, 0.5, np.nan])


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def other(truth, predicted): return 1", "has no function 'score'"),
        ("score = 3", "has no function 'score'"),
        ("def score(", "SyntaxError"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("def score(truth): return 1", "TypeError"),
        ("def score(truth, predicted): return 1 / 0", "ZeroDivisionError"),
        ("def score(truth, predicted): return 'good'", "ValueError"),
        ("def score(truth, predicted): return [1, 2]", "one for each of 3 classes"),
        ("def score(truth, predicted): pass", "returns nothing"),
        ("def score(truth, predicted): raise SystemExit(0)", "SystemExit"),
        ("raise SystemExit(0)", "SystemExit"),
        ("def score(truth, predicted): return float('inf')", "one finite number"),
    ],
)
def test_what_cannot_be_used_is_one_line(code: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        metric_of(tmp_path, code).tally(TRUTH, PREDICTED)
    assert "mine.py" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no such file"):
        open_metric(MetricSpec(name=f"{tmp_path / 'none.py'}:score"), CLASSES, "multiclass")
