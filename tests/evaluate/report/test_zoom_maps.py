"""Maps of the worst images: which have one, where they are, and what is wrong in them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from seg.evaluate.cache.store import ProbabilityCache
from seg.evaluate.metrics.confusion import ConfusionMatrix
from seg.evaluate.report import write_report, zoom_maps
from seg.evaluate.report.findings import measure_ensemble
from seg.spec import load_ensemble
from tests.engine.tiny_models import MakeModel
from tests.evaluate.conftest import write_labelled_project


def shown_in(report: Path) -> list[dict[str, Any]]:
    """What the page knows of each image."""
    scripts = re.findall(
        r'<script type="application/json" class="facts-of">(.*?)</script>', report.read_text()
    )
    return [json.loads(script) for script in scripts]


def test_reports_of_one_name_have_maps_of_their_own() -> None:
    folders = [zoom_maps.zoom_maps_folder(Path(name)) for name in ("r.html", "r.htm", "q.html")]
    assert folders[0] == Path("r_maps")
    assert len(set(folders)) == 3


def test_the_worst_large_images_have_maps_beside_the_report(
    tmp_path: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = load_ensemble(write_labelled_project(tmp_path, make_model))
    cache = ProbabilityCache(tmp_path / "cache")
    report = tmp_path / "a #1.html"
    write_report(spec, report, "small", cache, images=9)
    assert not any(image["map"] for image in shown_in(report))
    assert not (tmp_path / "a #1_maps").exists()

    monkeypatch.setattr(zoom_maps, "LEAST_SIDE", 1)
    monkeypatch.setattr(zoom_maps, "MAPS", 2)
    write_report(spec, report, "large", cache, images=9)
    by_score = sorted(shown_in(report), key=lambda image: image["score"])
    assert [image["map"] for image in by_score[:2]] == [f"a%20%231_maps/{n}/index.html" for n in (1, 2)]
    assert not any(image["map"] for image in by_score[2:])

    page = (tmp_path / "a #1_maps/1/index.html").read_text()
    found = re.search(r'id="facts">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    layers = {layer["name"]: layer["classes"] for layer in json.loads(found[1])["layers"]}
    assert list(layers) == ["ensemble", "truth", "errors"]
    findings = measure_ensemble(spec, cache)
    worst, whole = by_score[0]["index"], findings.predictors.ensemble.viewed
    labels_hw = findings.passes.cached_image(worst).merged(whole).argmax(0)
    counts_cc = ConfusionMatrix(4).add(findings.passes.labels(worst), labels_hw).counts_cc
    wrong = next(one["share"] for one in layers["errors"] if one["name"] == "wrong")
    size_hw = by_score[0]["height"] * by_score[0]["width"]
    assert wrong * size_hw == pytest.approx(counts_cc.sum() - counts_cc.trace())
