"""Soups: means of weights, batch normalisation refit, never worse than the best run."""

from pathlib import Path

import numpy as np
import pytest
import torch

from seg.data import open_split, read_image
from seg.errors import ModelError, OutputError, SpecError
from seg.evaluate.metrics.confusion import ConfusionMatrix
from seg.models.card import ModelCard
from seg.runs import read_run
from seg.spec import EnsembleSpec, RecipeSpec, load_ensemble
from seg.train.networks.checkpoint import load_checkpoint, save_checkpoint
from seg.train.networks.segmenter import Segmenter
from seg.train.run.folder import RunFolder
from seg.train.soup import Ingredient, SoupResult, greedy_soup, read_ingredients, save_soup
from seg.train.trainer import train_member
from tests.train.conftest import SpecWriter

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spec(toy_spec: SpecWriter, tmp_path_factory: pytest.TempPathFactory) -> EnsembleSpec:
    """Three runs: two whose weights are close to each other, and one that began elsewhere."""
    path = toy_spec(tmp_path_factory.mktemp("soup"), schedule="constant")
    spec = load_ensemble(path)
    toy = spec.members[0]
    others = (
        toy.model_copy(update={"name": "later"}),
        toy.model_copy(update={"name": "stranger", "seed": 7}),
    )
    spec = spec.model_copy(update={"members": (toy, *others)})
    for member in (toy, others[1]):
        train_member(spec, member)
    _nudge(spec)
    return spec


def _nudge(spec: EnsembleSpec) -> None:
    """`later` is `toy` with a little noise on its weights, as another run from the same weights would be."""
    toy, later = (RunFolder(spec.runs / name) for name in ("toy", "later"))
    network, card = load_checkpoint(toy.model)
    noise = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in network.parameters():
            spread = 0.01 * weights.std().nan_to_num()
            weights.add_(spread * torch.randn(weights.shape, generator=noise))
    later.path.mkdir(parents=True)
    save_checkpoint(later.model, network, card.model_copy(update={"name": "later"}))
    later.record.write_bytes(toy.record.read_bytes())


def ingredients_of(spec: EnsembleSpec, *names: str) -> tuple[Ingredient, ...]:
    classes = open_split(spec.data, "train").classes
    return read_ingredients({name: spec.runs / name for name in names}, classes)


@pytest.fixture(scope="module")
def result(spec: EnsembleSpec) -> SoupResult:
    train, val = open_split(spec.data, "train"), open_split(spec.data, "val")
    return greedy_soup(ingredients_of(spec, "toy", "later", "stranger"), train, val)


def miou_of(spec: EnsembleSpec, segmenter: Segmenter) -> float:
    split = open_split(spec.data, "val")
    matrix = ConfusionMatrix(len(split.classes))
    for index, sample in enumerate(split.samples):
        with torch.no_grad():
            logits = segmenter(torch.from_numpy(read_image(sample.image)[None]))
        matrix.add(split.labels(index), logits[0].argmax(0).numpy().astype(np.uint8))
    return matrix.scores(split.classes).miou


def test_a_uniform_soup_is_the_mean_of_all_weights(spec: EnsembleSpec, result: SoupResult) -> None:
    networks = [load_checkpoint(spec.runs / name / "model.safetensors")[0] for name in result.uniform.names]
    assert len(networks) == 3
    soup = dict(result.uniform.segmenter.network.named_parameters())
    for name, found in soup.items():
        expected = torch.stack([dict(network.named_parameters())[name] for network in networks]).mean(0)
        torch.testing.assert_close(found, expected)


def test_batch_normalisation_is_that_of_the_mean(spec: EnsembleSpec, result: SoupResult) -> None:
    """One pass over an epoch's batches is counted, and the statistics are no longer those of a run."""
    soup = result.uniform.segmenter.network.state_dict()
    tracked = [int(value) for name, value in soup.items() if name.endswith("num_batches_tracked")]
    assert tracked
    assert set(tracked) == {10 // 4}
    first = load_checkpoint(spec.runs / "toy" / "model.safetensors")[0].state_dict()
    moved = [
        name for name in soup if name.endswith("running_var") and not torch.allclose(soup[name], first[name])
    ]
    assert moved


def test_figures_are_what_another_matrix_counts(spec: EnsembleSpec, result: SoupResult) -> None:
    for candidate in (*result.single_runs, result.uniform, result.greedy):
        assert miou_of(spec, candidate.segmenter) == pytest.approx(candidate.miou)


def test_a_greedy_soup_is_never_worse_than_the_best(result: SoupResult) -> None:
    mious = [candidate.miou for candidate in result.single_runs]
    assert mious == sorted(mious, reverse=True)
    assert result.greedy.miou >= mious[0]
    assert result.greedy.names[0] == result.single_runs[0].names[0]
    assert result.soup is None or result.soup.miou > mious[0]


def test_a_soup_is_a_run_like_any_other(spec: EnsembleSpec, result: SoupResult) -> None:
    folder = RunFolder(spec.runs / "soup")
    save_soup(folder, "soup", result.uniform)
    network, card = load_checkpoint(folder.model)
    assert miou_of(spec, Segmenter(network, card.input)) == pytest.approx(result.uniform.miou)
    assert card.name == "soup"
    run = read_run(folder.path)
    assert run.miou == pytest.approx(result.uniform.miou)
    assert run.note == "soup of toy, later, stranger"
    member = spec.members[0].model_copy(update={"name": "soup"})
    assert train_member(spec, member).best_miou == pytest.approx(result.uniform.miou)
    save_soup(folder, "soup", result.greedy)
    with pytest.raises(OutputError, match="not a soup: give the soup another --name"):
        save_soup(RunFolder(spec.runs / "toy"), "toy", result.uniform)


def test_a_recipe_is_read_back_from_its_record() -> None:
    recipe = RecipeSpec.model_validate(
        {
            "augmentation": ["light", {"CLAHE": {"p": 0.3}}],
            "copy_paste": {"probability": 0.2},
            "loss": {"dice": 1},
        }
    )
    assert RecipeSpec.model_validate(recipe.model_dump(mode="json")) == recipe


def test_a_soup_needs_runs_of_one_network(spec: EnsembleSpec, result: SoupResult, tmp_path: Path) -> None:
    train, val = open_split(spec.data, "train"), open_split(spec.data, "val")
    with pytest.raises(SpecError, match="at least 2 runs, got 1"):
        greedy_soup(ingredients_of(spec, "toy"), train, val)
    with pytest.raises(ModelError, match="no finished run"):
        read_ingredients({"nothing": tmp_path}, train.classes)
    with pytest.raises(ModelError, match="toy: was trained for the classes"):
        read_ingredients({"toy": spec.runs / "toy"}, train.classes[:2])
    with pytest.raises(ModelError, match=r"toy: has the classes .* the dataset lists them as"):
        read_ingredients({"toy": spec.runs / "toy"}, train.classes[::-1])
    other = RunFolder(tmp_path / "other")
    other.path.mkdir()
    other.record.write_bytes((spec.runs / "toy" / "run.json").read_bytes())
    network, card = load_checkpoint(spec.runs / "toy" / "model.safetensors")
    squeezed: ModelCard = card.model_copy(
        update={"input": card.input.model_copy(update={"mode": "resize", "size_hw": (32, 32)})}
    )
    save_checkpoint(other.model, network, squeezed)
    with pytest.raises(ModelError, match="other: its preprocessing differs from that of toy"):
        read_ingredients({"toy": spec.runs / "toy", "other": other.path}, train.classes)
