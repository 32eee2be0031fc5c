"""Writing a report: templates, styles and scripts rendered into one HTML file."""

import math
from pathlib import Path
from typing import Any, Final

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.overlapping import OverlappingScores
from seg.evaluate.report.findings import ReportFindings, measure_ensemble
from seg.evaluate.report.gallery import draw_gallery
from seg.evaluate.report.heatmaps import confusion_heatmap, disagreement_heatmap
from seg.evaluate.report.plot_geometry import PlotAxis
from seg.evaluate.report.predictors import ENSEMBLE
from seg.evaluate.report.report_plots import (
    class_reliability_plot,
    learning_plots,
    pareto_plot,
    reliability_plot,
    threshold_plot,
)
from seg.evaluate.report.training_runs import TrainedRun, read_training_run
from seg.evaluate.report.zoom_maps import write_zoom_maps
from seg.evaluate.tune.cost.sub_ensembles import describe_sub_ensemble
from seg.files.atomic import atomic_path
from seg.spec import EnsembleSpec
from seg.spec.dataset.dataset import SplitName
from seg.terminal.words import pluralise

ASSETS: Final = Path(__file__).parent / "assets"

Sections = tuple[tuple[str, str], ...]
"""The name of each section's template, and its title."""

ENSEMBLE_SECTIONS: Final[Sections] = (
    ("summary", "Summary"),
    ("classes", "Classes"),
    ("presence", "Presence"),
    ("decision", "Decision"),
    ("confusion", "Confusion"),
    ("judged", "Another split"),
    ("members", "Members"),
    ("calibration", "Calibration"),
    ("cost", "Cost"),
    ("training", "Training"),
    ("export", "Export"),
    ("gallery", "Gallery"),
)
RUN_SECTIONS: Final[Sections] = (("runs", "Runs"), ("training", "Training"))


def write_report(
    spec: EnsembleSpec,
    path: Path,
    title: str,
    cache: ProbabilityCache,
    images: int,
    judge: SplitName | None = None,
) -> None:
    """Write the report of an ensemble, with a gallery of at most `images` images, and maps of large ones.

    `judge` is another split with labels, whose scores have a section of their own.

    Raises:
        DataError: an image or its labels cannot be read.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    findings = measure_ensemble(spec, cache, judge)
    clear = spec.data.background(findings.classes)
    curves = learning_plots(findings.curves)
    maps = write_zoom_maps(findings, path, clear) if images else {}
    overlap = findings.passes.overlap
    shown = {
        "presence": overlap,
        "decision": overlap,
        "confusion": not overlap,
        "training": bool(curves),
        "gallery": images > 0,
        "judged": judge is not None,
    }
    _write_report_page(
        path,
        title=title,
        sections=[section for section in ENSEMBLE_SECTIONS if shown.get(section[0], True)],
        facts=[
            f"validation: {findings.groups}",
            pluralise(len(findings.predictors.members), "member"),
        ],
        findings=findings,
        forest=_axis_of_report_scores(findings),
        names=[c.name for c in findings.classes],
        disputes=disagreement_heatmap(findings.passes.names, findings.study.disagreement),
        **_template_values_of_task(findings),
        runtimes=", ".join(
            dict.fromkeys(str(m.runtime.describe()) for m in findings.passes.ensemble.members)
        ),
        layers=_titles_of_layers(findings),
        front=[
            (describe_sub_ensemble(findings.passes.names, candidate), candidate)
            for candidate in findings.study.front
        ],
        front_plot=pareto_plot(findings),
        learning_plots=curves,
        gallery=draw_gallery(findings, images, clear, maps),
    )


def write_runs_report(runs: list[Path], path: Path) -> None:
    """Write the report of training runs: scores and learning curves.

    Raises:
        DataError: a folder has no run.
    """
    trained = [read_training_run(run) for run in runs]
    _write_report_page(
        path,
        title="Training runs",
        sections=list(RUN_SECTIONS),
        facts=[pluralise(len(trained), "run")],
        runs=trained,
        class_names=_class_names_of_runs(trained),
        learning_plots=learning_plots({run.name: run.curves for run in trained}),
    )


def _write_report_page(path: Path, **context: Any) -> None:
    page = _template_environment().get_template("page.html")
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for part in page.generate(**context):
            file.write(part)


def _template_environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "figure": _score_text,
        "points": lambda share: f"{100 * share:+.2f}".replace("-", "\N{MINUS SIGN}"),
        "whole": lambda share: f"{100 * share:.0f}",
        "ms": lambda milliseconds: f"{milliseconds:.0f}" if milliseconds >= 10 else f"{milliseconds:.1f}",
        "place": lambda share: f"{100 * share:.2f}%",
    }
    return environment


def _score_text(share: float | None) -> str:
    return "absent" if share is None or math.isnan(share) else f"{share:.4f}"


def _template_values_of_task(findings: ReportFindings) -> dict[str, Any]:
    """What the templates have only where classes overlap, or only where a pixel has one."""
    metrics = findings.scores.metrics
    if isinstance(metrics, OverlappingScores):
        return {
            "threshold_plot": threshold_plot(findings),
            "reliability_plot": class_reliability_plot(findings),
        }
    (reliability,) = findings.scores.reliability
    return {
        "confusion": confusion_heatmap([c.name for c in findings.classes], np.array(metrics.confusion)),
        "reliability": reliability,
        "reliability_plot": reliability_plot(reliability),
    }


def _axis_of_report_scores(findings: ReportFindings) -> PlotAxis:
    """A scale for the scores of all predictors."""
    scores = [findings.scores.scores[mixture] for mixture in findings.predictors.mixtures]
    return PlotAxis.around(findings.metric, (bound for score in scores for bound in score.interval))


def _titles_of_layers(findings: ReportFindings) -> list[tuple[str, str]]:
    """The layers of a gallery image: keys and titles."""
    members = [(f"member-{position}", name) for position, name in enumerate(findings.passes.names)]
    is_several = len(members) > 1
    return [
        ("image", "image"),
        ("truth", "truth"),
        *members,
        *([(ENSEMBLE, ENSEMBLE)] if is_several else []),
        *([("contours", "contours")] if findings.passes.overlap else []),
        *([("disputed", "disputed")] if is_several else []),
        ("errors", "errors"),
        ("entropy", "entropy"),
    ]


def _class_names_of_runs(runs: list[TrainedRun]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.iou))
