"""Metrics by hand-made cases, and beside scipy, torchmetrics and the counts of confusion matrices."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import directed_hausdorff

from seg.errors import DataError, SpecError
from seg.evaluate.metrics.segmentation import SegmentationMetrics
from seg.labels.classes import ClassInfo
from seg.labels.task import Task, pack_masks
from seg.metrics.metric import Metric
from seg.metrics.open_metric import open_metric
from seg.spec.ensemble.metric import MetricSpec

NAMES = ("road", "car", "sky")
CLASSES = tuple(ClassInfo(name=name, id=number, colour=(0, 0, 0)) for number, name in enumerate(NAMES))
Masks = NDArray[np.bool_]


def metric_of(name: str, task: Task = "multilabel", **keys: Any) -> Metric:
    return open_metric(MetricSpec(name=name, **keys), CLASSES, task)


def judged(metric: Metric, images: Sequence[tuple[Masks, Masks]]) -> float:
    """The score of images, each with the masks of the truth and of the prediction, `[3, H, W]`."""
    return metric.score(np.stack([metric.tally(*map(pack_masks, image)) for image in images]))


def drawn(seed: int, images: int = 4, size: tuple[int, int] = (9, 12)) -> list[tuple[Masks, Masks]]:
    """Masks of blobs, of which a third are empty."""
    random = np.random.default_rng(seed)

    def masks() -> Masks:
        noise = ndimage.gaussian_filter(random.normal(size=(3, *size)), (0, 1.5, 1.5))
        there = random.random((3, 1, 1)) < 2 / 3
        return np.asarray((noise > 0.05) & there)

    return [(masks(), masks()) for _ in range(images)]


def strip(*pixels: int) -> Masks:
    """A mask of one row of 8 pixels."""
    return np.isin(np.arange(8), pixels)[None]


ROAD = (strip(0, 1, 2, 3), strip(2, 3, 4, 5))
"""Two pixels in both, six in either."""
CAR = (strip(), strip())
SKY = (strip(7), strip())
FIRST = (np.stack([ROAD[0], CAR[0], SKY[0]]), np.stack([ROAD[1], CAR[1], SKY[1]]))
SECOND = (np.stack([strip(0, 1), strip(), strip(6, 7)]), np.stack([strip(0, 1), strip(), strip(7)]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dice", np.mean([0.5, 1, 0, 1, 1, 2 / 3])),
        ("iou", np.mean([2 / 6, 1, 0, 1, 1, 1 / 2])),
        ("miou", np.mean([4 / 8, 1 / 3])),
        ("dataset-dice", np.mean([8 / 12, 2 / 4])),
        ("iou@0.5", np.mean([0, 1, 0, 1, 1, 0])),
        ("iou@[0.3:0.4:0.1]", np.mean([1 / 2, 1, 0, 1, 1, 1])),
        ("iou@[0.5:0.95:0.05]", np.mean([0, 1, 0, 1, 1, 0])),
        ("region-iou@0.5", np.mean([0, 1, 0, 1, 1, 0])),
        ("pixel-accuracy", (4 + 8 + 7 + 8 + 8 + 7) / 48),
    ],
)
def test_two_strips_by_hand(name: str, expected: float) -> None:
    assert judged(metric_of(name), [FIRST, SECOND]) == pytest.approx(expected)


def test_dice_and_hausdorff_by_hand() -> None:
    diagonal = np.hypot(1, 8)
    road = 0.4 * 0.5 + 0.6 * (1 - 2 / diagonal)
    assert judged(metric_of("dice+hausdorff"), [FIRST]) == pytest.approx(np.mean([road, 1, 0]))


def test_classes_left_out_and_weights_of_classes() -> None:
    images = [FIRST, SECOND]
    left_out = metric_of("dice", without=["car"])
    assert judged(left_out, images) == pytest.approx(np.mean([0.5, 0, 1, 2 / 3]))
    weighed = metric_of("dice", class_weights={"sky": 3})
    assert judged(weighed, images) == pytest.approx((0.75 + 1 + 3 * 1 / 3) / 5)
    tallies = np.stack([weighed.tally(*map(pack_masks, image)) for image in images])
    np.testing.assert_allclose(weighed.class_scores(tallies), [0.75, 1, 1 / 3])


@given(st.integers(0, 10_000))
def test_hausdorff_distance_is_that_of_scipy(seed: int) -> None:
    truth, predicted = drawn(seed, images=1)[0]
    expected = []
    for one, other in zip(truth, predicted, strict=True):
        if not one.any() and not other.any():
            expected.append(1.0)
        elif one.any() and other.any():
            a, b = np.argwhere(one), np.argwhere(other)
            distance = max(directed_hausdorff(a, b)[0], directed_hausdorff(b, a)[0])
            dice = 2 * (one & other).sum() / (one.sum() + other.sum())
            expected.append(0.4 * dice + 0.6 * (1 - distance / np.hypot(*one.shape)))
        else:
            expected.append(0.0)
    assert judged(metric_of("dice+hausdorff"), [(truth, predicted)]) == pytest.approx(np.mean(expected))


@given(st.integers(0, 10_000))
def test_regions_are_matched_as_the_contest_does(seed: int) -> None:
    truth, predicted = drawn(seed, images=1, size=(14, 17))[0]
    thresholds = [0.5, 0.6, 0.7, 0.8, 0.9]
    expected = []
    for one, other in zip(truth, predicted, strict=True):
        (true, trues), (found, founds) = (ndimage.label(m, np.ones((3, 3))) for m in (one, other))
        precisions = []
        for threshold in thresholds:
            hits = sum(
                (a := true == t)[b := found == p].sum() / (a | b).sum() > threshold
                for t in range(1, trues + 1)
                for p in range(1, founds + 1)
            )
            objects = trues + founds - hits
            precisions.append(hits / objects if objects else 1.0)
        expected.append(np.mean(precisions))
    assert judged(metric_of("region-iou@[0.5:0.9:0.1]"), [(truth, predicted)]) == pytest.approx(
        np.mean(expected)
    )


@given(st.integers(0, 10_000))
def test_overlap_is_that_of_torchmetrics(seed: int) -> None:
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("torchmetrics.functional")
    images = drawn(seed)
    truth, predicted = (torch.tensor(np.stack(masks)) for masks in zip(*images, strict=True))
    by_class = [float(metrics.jaccard_index(predicted[:, c], truth[:, c], task="binary")) for c in range(3)]
    present = [float((predicted[:, c] | truth[:, c]).any()) for c in range(3)]
    assert judged(metric_of("miou"), images) == pytest.approx(np.average(by_class, weights=present))
    dice = [
        float(metrics.f1_score(predicted[i, c], truth[i, c], task="binary"))
        if (predicted[i, c] | truth[i, c]).any()
        else 1.0
        for i in range(len(images))
        for c in range(3)
    ]
    assert judged(metric_of("dice"), images) == pytest.approx(np.mean(dice))


@given(st.integers(0, 10_000))
def test_one_class_a_pixel_scores_as_its_confusion_counts(seed: int) -> None:
    random = np.random.default_rng(seed)
    pairs = [random.choice([0, 1, 2, 255], (2, 20, 30)).astype(np.uint8) for _ in range(3)]
    figures = SegmentationMetrics(CLASSES)
    for number, (truth, predicted) in enumerate(pairs):
        figures.add(str(number), truth, predicted)
    expected = figures.scores()
    for name, figure in (
        ("miou", expected.miou),
        ("dataset-dice", expected.mean_dice),
        ("dice", expected.kaggle_dice),
        ("boundary-iou", expected.mean_boundary_iou),
        ("pixel-accuracy", expected.pixel_accuracy),
    ):
        metric = metric_of(name, "multiclass")
        tallies = np.stack([metric.tally(*pair) for pair in pairs])
        assert metric.score(tallies) == pytest.approx(figure), name
    assert metric_of("miou", "multiclass").is_miou
    assert metric_of("miou").is_miou
    assert not metric_of("miou", "multiclass", without=["sky"]).is_miou


def test_pixels_without_a_label_do_not_count() -> None:
    truth = np.array([[0, 0, 1, 255, 255]], np.uint8)
    predicted = np.array([[0, 1, 1, 1, 0]], np.uint8)
    for name in ("dice", "iou", "miou", "dataset-dice", "pixel-accuracy", "dice+hausdorff", "region-iou@0.5"):
        metric = metric_of(name, "multiclass")
        cropped = metric.tally(truth[:, :3], predicted[:, :3])
        if name == "dice+hausdorff":  # The diagonal is the image's.
            cropped[:2, 0] = 0.4 * 2 / 3 + 0.6 * (1 - 1 / np.hypot(1, 5))
        np.testing.assert_allclose(metric.tally(truth, predicted), cropped, err_msg=name)


def test_nothing_to_judge_is_no_number() -> None:
    nothing = np.zeros((3, 2, 2), np.bool_)
    assert np.isnan(judged(metric_of("miou"), [(nothing, nothing)]))
    assert judged(metric_of("dice"), [(nothing, nothing)]) == 1


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(DataError, match="score predictions at the size of the labels"):
        metric_of("dice").tally(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))


def test_a_class_that_is_none_is_refused() -> None:
    with pytest.raises(SpecError, match="metric: without: there is no class 'boat'"):
        metric_of("dice", without=["boat"])
    with pytest.raises(SpecError, match="leaves no class to judge"):
        metric_of("dice", without=NAMES)
