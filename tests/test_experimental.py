"""What is named experimental, and that it is named nowhere once it is off the list."""

import pytest

from seg import experimental
from seg.experimental import EXPERIMENTAL, marked, warnings_of
from seg.spec import EnsembleSpec


def test_a_feature_is_named_until_it_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    assert marked("Runs.", "runtime: cpu", "runtime: cuda").endswith("yet: runtime: cuda.")
    (line,) = warnings_of(["runtime: cuda", "runtime: cpu", "runtime: cuda"])
    assert line.startswith("runtime: cuda: experimental")
    monkeypatch.setattr(experimental, "EXPERIMENTAL", frozenset())
    assert marked("Runs.", "runtime: cuda") == "Runs."
    assert warnings_of(["runtime: cuda"]) == []


def test_the_schema_names_the_runtimes_that_are_on_the_list() -> None:
    said = EnsembleSpec.model_json_schema()["properties"]["runtime"]["description"]
    runtimes = [feature for feature in EXPERIMENTAL if feature.startswith("runtime: ")]
    assert runtimes
    assert all(feature in said for feature in runtimes)
