"""The plots of the report."""

from collections.abc import Mapping
from typing import Final

from seg.evaluate.metrics.calibration import Reliability
from seg.evaluate.report.findings import Curves, ReportFindings
from seg.evaluate.report.plot_geometry import Plot, PlotAxis, PlotDot, PlotLine, epoch_line
from seg.evaluate.tune.cost.sub_ensembles import SubEnsemble, describe_sub_ensemble
from seg.spec.ensemble.metric import metric_title

ENSEMBLE_SLOT: Final = 0
OTHER_SLOT: Final = 1
MARGIN: Final = 0.12
"""The margin beyond the outermost points, as a share of the axis."""


def learning_plots(curves: Mapping[str, Curves]) -> list[Plot]:
    """mIoU and losses over the epochs, a line for each member."""
    plots = []
    for title, columns in {"val mIoU": ("val_miou",), "loss": ("train_loss", "val_loss")}.items():
        lines = [
            epoch_line("" if column == "train_loss" else name, slot, of[column], dashed=dashed)
            for slot, (name, of) in enumerate(curves.items())
            for column, dashed in ((column, column == "train_loss") for column in columns)
            if column in of
        ]
        points = [point for line in lines for point in line.points]
        if points:
            epochs = PlotAxis("epoch", 0.5, max(x for x, _ in points) + 0.5)
            note = "dashed: on training images" if any(line.dashed for line in lines) else ""
            values = PlotAxis.around(title, (y for _, y in points))
            plots.append(Plot(title, epochs, values, tuple(lines), note=note))
    return plots


def reliability_plot(reliability: Reliability) -> Plot:
    """The reliability diagram: accuracy of pixels by the ensemble's confidence."""
    diagonal = PlotLine("calibrated", OTHER_SLOT, ((0.0, 0.0), (1.0, 1.0)), dashed=True)
    found = PlotLine("ensemble", ENSEMBLE_SLOT, tuple((b.confidence, b.accuracy) for b in reliability.bins))
    dots = tuple(
        PlotDot(
            ENSEMBLE_SLOT,
            (b.confidence, b.accuracy),
            f"{100 * b.share:.1f} % of pixels: {100 * b.confidence:.1f} % confidence,"
            f" {100 * b.accuracy:.1f} % correct",
        )
        for b in reliability.bins
    )
    return Plot(
        "reliability", PlotAxis("confidence", 0, 1), PlotAxis("accuracy", 0, 1), (diagonal, found), dots
    )


def class_reliability_plot(findings: ReportFindings) -> Plot:
    """How often each class that overlaps is there, by its probability."""
    diagonal = PlotLine("calibrated", len(findings.classes), ((0.0, 0.0), (1.0, 1.0)), dashed=True)
    lines, dots = [diagonal], []
    for slot, (info, one) in enumerate(zip(findings.classes, findings.scores.reliability, strict=True)):
        lines.append(PlotLine(info.name, slot, tuple((b.confidence, b.accuracy) for b in one.bins)))
        dots += [
            PlotDot(
                slot,
                (b.confidence, b.accuracy),
                f"{info.name}: {100 * b.share:.2g} % of pixels, mean probability {100 * b.confidence:.1f} %,"
                f" {100 * b.accuracy:.1f} % are {info.name}",
            )
            for b in one.bins
        ]
    return Plot(
        "reliability",
        PlotAxis("probability", 0, 1),
        PlotAxis("share that is there", 0, 1),
        tuple(lines),
        tuple(dots),
    )


def threshold_plot(findings: ReportFindings) -> Plot:
    """The score of each class at every threshold, and where the decision has it."""
    lines, dots = [], []
    title = metric_title(findings.scores.by_threshold[0].name)
    for slot, (info, rule, one) in enumerate(
        zip(findings.classes, findings.rules, findings.scores.by_threshold, strict=True)
    ):
        if points := one.scores:
            lines.append(PlotLine(info.name, slot, tuple(points)))
            chosen = min(points, key=lambda point: abs(point[0] - rule.threshold))
            dots.append(PlotDot(slot, chosen, f"{info.name} at {rule.threshold:g}: {title} {chosen[1]:.4f}"))
    scores = PlotAxis.around(title, (score for line in lines for _, score in line.points))
    return Plot(f"{title} by threshold", PlotAxis("threshold", 0, 1), scores, tuple(lines), tuple(dots))


def pareto_plot(findings: ReportFindings) -> Plot:
    """The score against milliseconds an image, of all sub-ensembles."""
    candidates, front = findings.study.sub_ensembles, findings.study.front
    milliseconds = PlotAxis("ms an image", 0, (1 + MARGIN) * max(c.milliseconds for c in candidates))
    scores = PlotAxis.around(findings.metric, (c.score for c in candidates), margin=MARGIN)
    steps = PlotLine("Pareto front", ENSEMBLE_SLOT, tuple(_staircase_of_front(front, milliseconds.high)))
    dots = [
        _dot_of_sub_ensemble(findings, candidate, faint=True)
        for candidate in candidates
        if candidate not in front
    ]
    dots += [_dot_of_sub_ensemble(findings, candidate) for candidate in front]
    return Plot(f"{findings.metric} against time", milliseconds, scores, (steps,), tuple(dots))


def _staircase_of_front(front: tuple[SubEnsemble, ...], end: float) -> list[tuple[float, float]]:
    steps: list[tuple[float, float]] = []
    for step in front:
        if steps:
            steps.append((step.milliseconds, steps[-1][1]))
        steps.append((step.milliseconds, step.score))
    return [*steps, (end, steps[-1][1])]


def _dot_of_sub_ensemble(findings: ReportFindings, candidate: SubEnsemble, *, faint: bool = False) -> PlotDot:
    name = describe_sub_ensemble(findings.passes.names, candidate)
    text = f"{name}: {candidate.score:.4f}, {candidate.milliseconds:.0f} ms"
    return PlotDot(ENSEMBLE_SLOT, (candidate.milliseconds, candidate.score), text, faint)
