"""Numbers that no recipe can mean are refused with their line, and those at the ends of a range are taken."""

from pathlib import Path

import pytest

from seg import ranges
from seg.commands.options.sizes import parse_bytes
from seg.engine.early_exit.deadline import parse_duration
from seg.errors import SpecError
from seg.spec import EnsembleSpec, load_ensemble
from seg.spec.recipe.sweep import load_sweep

MANY = list(range(1, 200))
DATA = "data: {train: {images: a}, val: {images: a}, classes: [a, b]}\n"


def load(tmp_path: Path, text: str) -> EnsembleSpec:
    path = tmp_path / "x.yaml"
    path.write_text(f"{DATA}members: [{{name: a}}]\n{text}\n")
    return load_ensemble(path)


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "1e30", "1e-30", "65536", "-1"])
@pytest.mark.parametrize(
    "place",
    [
        "recipe: {learning_rate: V}",
        "recipe: {scale: [V, V]}",
        "recipe: {crop: V}",
        "recipe: {epochs: V}",
        "recipe: {accumulate: V}",
        "recipe: {batch_size: V}",
        "folds: {count: V}",
        "tile: {size: V}",
    ],
)
def test_what_no_recipe_can_mean_is_refused(place: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"x\.yaml:3: "):
        load(tmp_path, place.replace("V", value))


@pytest.mark.parametrize("end", [0, 1])
def test_the_ends_of_a_range_are_in_it(end: int, tmp_path: Path) -> None:
    recipe = f"learning_rate: {ranges.LEARNING_RATE[end]}, crop: {ranges.NETWORK_SIDE[end]}"
    loaded = load(tmp_path, f"recipe: {{{recipe}, seed: {ranges.SEED[end]}}}").recipe
    assert loaded.learning_rate == ranges.LEARNING_RATE[end]
    assert loaded.crop == (ranges.NETWORK_SIDE[end],) * 2
    assert loaded.seed == ranges.SEED[end]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("grid: {epochs: [1, 65536]}", "at most 10000"),
        ("search: {learning_rate: {low: 0.1, high: 1e30}}\ntrials: 2", "at most 100"),
        ("search: {learning_rate: {low: 0.1, high: .inf}}\ntrials: 2", "finite"),
        (f"grid: {{epochs: {MANY}, patience: {MANY}}}", "has 39601 combinations"),
    ],
)
def test_a_sweep_tries_what_a_recipe_can_mean(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(f"{DATA}{text}\n")
    with pytest.raises(SpecError, match=problem):
        load_sweep(path)


def test_what_is_no_number_is_named_so(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="learning_rate: a finite number, got nan"):
        load(tmp_path, "recipe: {learning_rate: .nan}")


@pytest.mark.parametrize(("theirs", "ours"), [("gpu", "cuda"), ("GPU", "cuda"), ("trt", "tensorrt")])
def test_other_words_for_a_runtime_lead_to_ours(theirs: str, ours: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=f"did you mean '{ours}'"):
        load(tmp_path, f"runtime: {theirs}")


@pytest.mark.parametrize("text", ["9" * 400 + "GB", "1000000000TB", "nan", "-1GB", ""])
def test_a_size_that_no_disk_has_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"^--limit: is "):
        parse_bytes("--limit", text)


@pytest.mark.parametrize("text", ["9" * 5000 + "h", "0s", "9999999h", "nan", ""])
def test_a_time_that_no_run_has_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match=r"^--deadline: must be a time"):
        parse_duration(text)
