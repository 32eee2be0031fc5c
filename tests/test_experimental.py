"""What is named experimental, and that it is named nowhere once it is off the list."""

import pytest
from typer.testing import CliRunner

from seg import experimental
from seg.commands.app import app
from seg.experimental import EXPERIMENTAL, help_marked_experimental, warnings_of_experimental
from seg.spec import EnsembleSpec


def test_a_feature_is_named_until_it_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    assert help_marked_experimental("Runs.", "runtime: cpu", "runtime: cuda").endswith("yet: runtime: cuda.")
    (line,) = warnings_of_experimental(["runtime: cuda", "runtime: cpu", "runtime: cuda"])
    assert line.startswith("runtime: cuda: experimental")
    monkeypatch.setattr(experimental, "EXPERIMENTAL", frozenset())
    assert help_marked_experimental("Runs.", "runtime: cuda") == "Runs."
    assert warnings_of_experimental(["runtime: cuda"]) == []


def test_the_schema_names_the_runtimes_that_are_on_the_list() -> None:
    said = EnsembleSpec.model_json_schema()["properties"]["runtime"]["description"]
    runtimes = [feature for feature in EXPERIMENTAL if feature.startswith("runtime: ")]
    assert runtimes
    assert all(feature in said for feature in runtimes)


def test_the_schema_names_training_on_a_gpu() -> None:
    said = EnsembleSpec.model_json_schema()["properties"]["recipe"]["description"]
    assert "training on a GPU" in said


def test_help_names_all_that_is_on_the_list() -> None:
    result = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, ["--help"])
    said = " ".join(result.output.split())
    assert EXPERIMENTAL
    assert [feature for feature in EXPERIMENTAL if feature not in said] == []
