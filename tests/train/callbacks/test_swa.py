"""The mean of the last epochs: of their weights, with batch normalisation refit, kept if it is better."""

from pathlib import Path

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from seg.files.atomic import sha256_of
from seg.spec import load_ensemble
from seg.train import lightning_fit
from seg.train import trainer as trainer_module
from seg.train.callbacks import run_checkpoint
from seg.train.callbacks.swa import validate_mean
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.run.record import TrainingResult
from tests.train.conftest import SpecWriter
from tests.train.power_cut import PowerCutError, cut_at_call

pytestmark = pytest.mark.slow

RECIPE = {"epochs": 5, "average_last": 3, "schedule": "constant"}


def train(path: Path) -> TrainingResult:
    spec = load_ensemble(path)
    return trainer_module.train_member(spec, spec.member("toy"))


def model(path: Path) -> Path:
    return path.parent / "runs" / "toy" / "model.safetensors"


def test_the_mean_is_that_of_the_last_epochs(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights: list[dict[str, torch.Tensor]] = []
    found: dict[str, torch.Tensor] = {}

    class Watch(Callback):
        def on_train_epoch_end(
            self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
        ) -> None:
            network = pl_module.get_submodule("segmenter.network")
            weights.append({name: p.detach().clone() for name, p in network.named_parameters()})

    def keep_mean_weights(trainer, module, loaders):  # type: ignore[no-untyped-def]
        figures = validate_mean(trainer, module, loaders)
        found.update(module.evaluated_segmenter.network.state_dict())
        return figures

    plain = lightning_fit.training_callbacks
    monkeypatch.setattr(trainer_module, "training_callbacks", lambda *given: [*plain(*given), Watch()])
    monkeypatch.setattr(trainer_module, "validate_mean", keep_mean_weights)
    path = toy_spec(tmp_path, **RECIPE)
    result = train(path)

    for name in weights[-1]:
        expected = torch.stack([epoch[name] for epoch in weights[-3:]]).mean(0)
        torch.testing.assert_close(found[name], expected)
    # Batch normalisation saw one epoch's batches once, each counted alike.
    counted = [value for name, value in found.items() if name.endswith("num_batches_tracked")]
    assert counted
    assert all(int(value) == 10 // 4 for value in counted)
    kept, card = load_checkpoint(model(path))
    is_mean = all(torch.equal(value, found[name]) for name, value in kept.state_dict().items())
    assert is_mean == (result.averaged_epochs == 3)
    assert card.training is not None
    assert card.training.value == pytest.approx(result.best_miou)


def test_a_run_that_was_cut_ends_with_the_same_mean(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, cut = (toy_spec(tmp_path / name, **RECIPE) for name in ("whole", "cut"))
    result = train(whole)
    with monkeypatch.context() as patched:
        cut_at_call(patched, run_checkpoint, "atomic_path", 4)
        with pytest.raises(PowerCutError):
            train(cut)
    again = train(cut)
    assert again.model_copy(update={"seconds": result.seconds}) == result
    assert sha256_of(model(cut)) == sha256_of(model(whole))


@pytest.mark.parametrize("option", ["channels_last", "compile"])
def test_layout_and_compilation_change_the_speed_alone(
    option: str, toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The code that torch.compile writes takes a minute; that it is asked for and changes no names takes none.
    compiled: list[torch.nn.Module] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda network: compiled.extend([network]))
    plain = toy_spec(tmp_path / "plain", epochs=2, ema=0.9)
    other = toy_spec(tmp_path / "other", epochs=2, ema=0.9, **{option: True})
    assert train(other).best_miou == pytest.approx(train(plain).best_miou, abs=0.02)
    assert len(compiled) == (option == "compile")
    networks = [load_checkpoint(model(path))[0] for path in (plain, other)]
    assert networks[0].state_dict().keys() == networks[1].state_dict().keys()
