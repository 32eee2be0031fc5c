"""What each field of a recipe does to a run."""

import csv
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from seg.errors import SpecError
from seg.spec import EnsembleSpec, load_ensemble
from seg.train import trainer
from seg.train.batches.sampling import EpochSampler, class_balanced_shares
from seg.train.member.lightning_module import MemberModule
from seg.train.metrics.epoch_metrics import EpochMetrics
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.optimiser.weight_averaging import exponential_average
from seg.train.run.folder import RunFolder
from seg.train.run.record import TrainingResult

pytestmark = pytest.mark.slow

SpecWriter = Callable[..., Path]


def train(spec_path: Path) -> TrainingResult:
    spec = load_ensemble(spec_path)
    return trainer.train_member(spec, spec.members[0])


def metrics(spec_path: Path) -> list[dict[str, str]]:
    with (spec_path.parent / "runs" / "toy" / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def weights(spec_path: Path) -> dict[str, torch.Tensor]:
    network, _ = load_checkpoint(spec_path.parent / "runs" / "toy" / "model.safetensors")
    return dict(network.named_parameters())


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, torch.Tensor]]:
    """The parameters after each optimiser step of the runs to come."""
    seen: list[dict[str, torch.Tensor]] = []
    step = MemberModule.optimizer_step

    def watched(module: MemberModule, *args: object, **kwargs: object) -> None:
        step(module, *args, **kwargs)
        seen.append({n: p.detach().clone() for n, p in module.segmenter.network.named_parameters()})

    monkeypatch.setattr(MemberModule, "optimizer_step", watched)
    return seen


def test_accumulated_batches_make_one_step(
    toy_spec: SpecWriter, tmp_path: Path, steps: list[dict[str, torch.Tensor]]
) -> None:
    spec = toy_spec(tmp_path, epochs=2, batch_size=2, accumulate=2, learning_rate=1.0e-3)
    train(spec)
    batches = 10 // 2
    assert len(steps) == 2 * -(-batches // 2)
    # One-cycle ends at a hundred-thousandth of the rate, so the schedule counts steps, not batches.
    assert float(metrics(spec)[-1]["learning_rate"]) == pytest.approx(1e-3 * 1e-5)


def test_clipping_bounds_a_step(
    toy_spec: SpecWriter, tmp_path: Path, steps: list[dict[str, torch.Tensor]]
) -> None:
    plain_sgd = {"optimiser": "sgd", "weight_decay": 0, "schedule": "constant", "learning_rate": 1.0}
    train(toy_spec(tmp_path, epochs=1, clip_norm=1e-3, **plain_sgd))
    first, second = steps
    moved = torch.stack([(second[name] - first[name]).square().sum() for name in first]).sum().sqrt()
    # Nesterov momentum 0.9 adds at most 0.9 + 0.9**2 of the first gradient to the second.
    assert 0 < moved <= 1e-3 * (1 + 0.9 + 0.9**2) * 1.001


def test_the_moving_average_is_what_is_kept(
    toy_spec: SpecWriter, tmp_path: Path, steps: list[dict[str, torch.Tensor]]
) -> None:
    spec = toy_spec(tmp_path, epochs=1, ema=0.5)
    train(spec)
    first, second = steps
    kept = min(0.5, (1 + 1) / (10 + 1))
    for name, parameter in weights(spec).items():
        torch.testing.assert_close(parameter, kept * first[name] + (1 - kept) * second[name])


def test_moving_average_of_statistics_follows_the_published_rule() -> None:
    torch.manual_seed(0)
    network = nn.BatchNorm1d(3)
    average = exponential_average(network, decay=0.6)
    expected: torch.Tensor | None = None
    for update in range(20):
        network(torch.randn(8, 3))
        average.update_parameters(network)
        current = network.running_mean
        assert current is not None
        decay = min(0.6, (1 + update) / (10 + update))
        expected = current.clone() if expected is None else decay * expected + (1 - decay) * current
    torch.testing.assert_close(average.module.running_mean, expected)
    assert average.module.num_batches_tracked == 20


def test_the_encoder_learns_at_its_own_rate(
    toy_spec: SpecWriter, tmp_path: Path, steps: list[dict[str, torch.Tensor]]
) -> None:
    train(toy_spec(tmp_path, epochs=1, encoder_rate=1e-9, optimiser="sgd", weight_decay=0))
    first, second = steps
    for name in first:
        still = torch.allclose(first[name], second[name], atol=1e-7, rtol=0)
        if name.startswith("encoder."):
            assert still
    assert any(not torch.equal(first[n], second[n]) for n in first if not n.startswith("encoder."))


@pytest.fixture
def measured_mious(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The mIoU that each epoch of the runs to come is said to have."""
    mious = [0.2, 0.6, 0.5, 0.6, 0.9, 0.9]
    measure = MemberModule.compute_metrics

    def compute_metrics(module: MemberModule) -> EpochMetrics:
        return replace(measure(module), miou=mious[module.current_epoch])

    monkeypatch.setattr(MemberModule, "compute_metrics", compute_metrics)
    return mious


def test_patience_ends_a_run_that_gets_no_better(
    toy_spec: SpecWriter, tmp_path: Path, measured_mious: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = toy_spec(tmp_path, epochs=6, patience=2)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(RunFolder, "finish", lambda *_: 1 / 0)
        train(spec)
    assert len(metrics(spec)) == 4

    result = train(spec)
    assert len(metrics(spec)) == 4
    assert (result.best_epoch, result.best_miou) == (2, 0.6)


def test_without_patience_a_run_goes_to_its_end(
    toy_spec: SpecWriter, tmp_path: Path, measured_mious: list[float]
) -> None:
    assert train(toy_spec(tmp_path, epochs=6)).best_epoch == 5


def test_balanced_shares_meet_each_class_equally_often() -> None:
    shares = class_balanced_shares(
        np.array([[2, 0, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]])
    )
    by_hand = [1 / 9, 1 / 9 + 1 / 6, 1 / 9, 1 / 3 + 1 / 6, 0]
    assert shares == pytest.approx(by_hand)

    sampler = EpochSampler(len(shares), seed=0, epoch=0, shares_n=shares)
    drawn = []
    for epoch in range(2000):
        sampler.set_epoch(epoch)
        drawn += [draw.image for draw in sampler]
    assert np.bincount(drawn, minlength=5) / len(drawn) == pytest.approx(by_hand, abs=0.02)


def test_shares_without_any_label_are_equal() -> None:
    assert class_balanced_shares(np.zeros((4, 3), np.int64)).tolist() == [0.25] * 4


def test_a_draw_depends_on_seed_epoch_and_place_alone() -> None:
    sampler = EpochSampler(50, seed=3, epoch=7)
    draws = list(sampler)
    assert sorted(draw.image for draw in draws) == list(range(50))
    assert len({draw.seed for draw in draws}) == 50
    assert not any(draw.original for draw in draws)
    assert list(EpochSampler(50, seed=3, epoch=7)) == draws == list(sampler)
    for other in (EpochSampler(50, seed=4, epoch=7), EpochSampler(50, seed=3, epoch=8)):
        assert {draw.seed for draw in other}.isdisjoint(draw.seed for draw in draws)


def test_multiplied_epochs_have_each_image_once_as_it_is() -> None:
    draws = list(EpochSampler(20, seed=3, epoch=7, multiply=4))
    assert sorted(draw.image for draw in draws if draw.original) == list(range(20))
    assert sorted(draw.image for draw in draws if not draw.original) == sorted([*range(20)] * 3)
    assert len({draw.seed for draw in draws}) == 80
    assert [draw.original for draw in draws] != sorted((draw.original for draw in draws), reverse=True)


def test_multiplied_epochs_with_shares_have_as_many_originals() -> None:
    shares_n = np.array([0.7, 0.3, 0.0])
    draws = [
        draw
        for epoch in range(300)
        for draw in EpochSampler(3, seed=0, epoch=epoch, shares_n=shares_n, multiply=2)
    ]
    assert len(draws) == 300 * 6
    for kind in (True, False):
        drawn = [draw.image for draw in draws if draw.original is kind]
        assert len(drawn) == 300 * 3
        assert np.bincount(drawn, minlength=3) / len(drawn) == pytest.approx(shares_n, abs=0.05)


@pytest.mark.parametrize(
    "fields",
    [
        {"optimiser": "adamp"},
        {"optimiser": "lion", "schedule": "poly", "warm_up": 1},
        {"schedule": "step", "warm_up": 0.5, "precision": "bf16"},
        {"mix": {"cutmix": 0.5, "mixup": 0.3, "gridmask": 0.2}, "loss": {"dice": 0.5, "ohem": 1}},
        {"sampling": "class_balanced", "accumulate": 2, "clip_norm": 1.0, "ema": 0.9, "patience": 3},
        {"augmentation": "heavy", "multiply": 2, "copy_paste": {"classes": ["blue"]}},
    ],
    ids=" ".join,
)
def test_any_recipe_resumes_exactly(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, object]
) -> None:
    whole, cut = (toy_spec(tmp_path / name, epochs=3, **fields) for name in ("whole", "cut"))
    train(whole)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(MemberModule, "on_train_epoch_start", _break_in_the_last_epoch)
        train(cut)
    train(cut)
    for name in ("metrics.csv", "model.safetensors"):
        first, second = (spec.parent / "runs" / "toy" / name for spec in (whole, cut))
        assert first.read_bytes() == second.read_bytes()


_seed_an_epoch = MemberModule.on_train_epoch_start


def _break_in_the_last_epoch(module: MemberModule) -> None:
    if module.current_epoch == 2:
        raise ZeroDivisionError
    _seed_an_epoch(module)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimiser": "adamv"}, r"there is no optimiser 'adamv': did you mean 'adam.*'\?"),
        ({"optimiser": "adahessian"}, "there is no optimiser 'adahessian'"),
        ({"encoder": "resnet-18"}, "there is no encoder 'resnet-18': did you mean 'resnet18'"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    toy_spec: SpecWriter, tmp_path: Path, fields: dict[str, str], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        train(toy_spec(tmp_path, **fields))
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize("fields", [{"precision": "fp16"}, {"optimiser": "fusedadam"}])
def test_what_needs_a_gpu_is_refused_without_one(
    toy_spec: SpecWriter, tmp_path: Path, fields: dict[str, str]
) -> None:
    with pytest.raises(SpecError, match=r"needs a GPU|CUDA required"):
        train(toy_spec(tmp_path, **fields))


def test_ctrl_c_stays_ctrl_c(toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MemberModule, "training_step", interrupted)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(toy_spec(tmp_path))
    assert signal.getsignal(signal.SIGINT) is before


def test_training_leaves_torch_as_it_was(toy_spec: SpecWriter, tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state(), torch.get_deterministic_debug_mode()
    train(toy_spec(tmp_path, epochs=1))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.get_deterministic_debug_mode() == before[1]


def test_an_ensemble_trains_each_member_by_its_own_recipe(toy_spec: SpecWriter, tmp_path: Path) -> None:
    path = toy_spec(tmp_path, epochs=1)
    member = "{name: toy, architecture: fpn, batch_size: 2}"
    path.write_text(path.read_text().replace("- {name: toy}", f"- {member}"))
    spec: EnsembleSpec = load_ensemble(path)
    assert spec.members[0].batch_size == 2
    trainer.train_member(spec, spec.members[0])
    _, card = load_checkpoint(spec.checkpoint(spec.members[0]))
    assert (card.architecture, card.encoder) == ("fpn", "tu-test_efficientnet")
