"""The figures of an epoch against numpy and torchmetrics, image by image, and what is refused."""

import csv
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional
from torchmetrics.classification import MulticlassJaccardIndex
from torchmetrics.functional.classification import multiclass_confusion_matrix

from seg.data import open_split, read_image
from seg.data.images.images import write_mask
from seg.errors import DataError, ModelError, SpecError
from seg.labels.label_map import IGNORE_INDEX, ImageHWC
from seg.models.card import InputCard, ModelCard
from seg.spec import load_ensemble
from seg.train.batches.loaders import collate_by_size
from seg.train.member.lightning_module import MemberModule
from seg.train.metrics.confusion import confusion_matrix, iou_per_class
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.networks.segmenter import Segmenter
from seg.train.trainer import train_member

pytestmark = pytest.mark.slow

SpecWriter = Callable[..., Path]


def logits_by_hand(network: nn.Module, card: ModelCard, image_hwc: ImageHWC) -> torch.Tensor:
    """What the card says, written out with numpy and torch's own padding and resizing."""
    height, width = image_hwc.shape[:2]
    scaled: NDArray[np.float64] = (image_hwc / 255 - card.input.mean) / card.input.std
    image = torch.from_numpy(scaled.transpose(2, 0, 1)[None]).float()
    if card.input.size_hw:
        small = functional.interpolate(image, card.input.size_hw, mode="bilinear")
        return functional.interpolate(network(small), (height, width), mode="bilinear")
    bottom, right = -height % card.input.stride, -width % card.input.stride
    padded = functional.pad(image, (0, right, 0, bottom), mode="replicate")
    return torch.as_tensor(network(padded)[:, :, :height, :width])


@pytest.mark.parametrize("recipe", [{}, {"input": {"mode": "resize", "size": 64}}], ids=["pad", "resize"])
def test_val_miou_is_that_of_the_saved_model_on_whole_images(
    toy_spec: SpecWriter, tmp_path: Path, recipe: dict[str, object]
) -> None:
    spec = load_ensemble(toy_spec(tmp_path, **recipe))
    result = train_member(spec, spec.members[0])

    network, card = load_checkpoint(spec.checkpoint(spec.members[0]))
    split = open_split(spec.data, "val")
    jaccard = MulticlassJaccardIndex(len(split.classes), average=None, ignore_index=IGNORE_INDEX)
    losses = []
    for index, sample in enumerate(split.samples):
        truth = torch.from_numpy(split.labels(index)).long()[None]
        with torch.inference_mode():
            logits = logits_by_hand(network, card, read_image(sample.image))
        jaccard.update(logits, truth)
        losses.append(functional.cross_entropy(logits, truth, ignore_index=IGNORE_INDEX).item())

    iou = jaccard.compute()
    assert list(result.best_iou.values()) == pytest.approx(iou.tolist(), abs=1e-4)
    assert result.best_miou == pytest.approx(iou.mean().item(), abs=1e-4)
    with (spec.run_folder(spec.members[0]) / "metrics.csv").open() as file:
        row = list(csv.DictReader(file))[result.best_epoch - 1]
    assert float(row["val_miou"]) == pytest.approx(result.best_miou, rel=1e-6)
    assert float(row["val_loss"]) == pytest.approx(np.mean(losses), rel=1e-4)
    assert card.training is not None
    assert (card.training.value, card.training.epoch) == (result.best_miou, result.best_epoch)


@pytest.mark.parametrize("size_hw", [(32, 64), (31, 64), (1, 1), (33, 95)])
@pytest.mark.parametrize("network_size_hw", [None, (64, 32)])
def test_segmenter_does_what_the_card_says(
    size_hw: tuple[int, int], network_size_hw: tuple[int, int] | None
) -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(3, 4, 5, padding=2)
    card = InputCard(
        mode="resize" if network_size_hw else "pad",
        size_hw=network_size_hw,
        mean=(0.1, 0.2, 0.3),
        std=(0.4, 0.5, 0.6),
    )
    images = np.random.default_rng(0).integers(0, 256, (2, *size_hw, 3), dtype=np.uint8)
    with torch.inference_mode():
        logits = Segmenter(network, card)(torch.from_numpy(images))
        whole_card = ModelCard(
            name="x", architecture="fpn", encoder="x", classes=(), unlabelled="ignore", input=card
        )
        for image_hwc, one in zip(images, logits, strict=True):
            expected = logits_by_hand(network, whole_card, image_hwc)[0]
            assert one.shape == (4, *size_hw)
            torch.testing.assert_close(one, expected, atol=1e-4, rtol=1e-4)


def test_counts_equal_torchmetrics() -> None:
    torch.manual_seed(0)
    truth, predicted = torch.randint(0, 4, (2, 3, 9, 7))
    truth[torch.rand(truth.shape) < 0.3] = IGNORE_INDEX
    expected = multiclass_confusion_matrix(predicted, truth, num_classes=5, ignore_index=IGNORE_INDEX)
    counts = confusion_matrix(truth, predicted, 5)
    assert torch.equal(counts, expected)
    assert iou_per_class(counts).isnan().tolist() == [False, False, False, False, True]


def test_images_are_stacked_with_their_own_size_within_the_room() -> None:
    sizes = [(2, 3), (4, 4), (2, 3), (2, 3), (9, 9)]
    samples = [
        (torch.full((*hw, 3), n, dtype=torch.uint8), torch.full(hw, n, dtype=torch.uint8))
        for n, hw in enumerate(sizes)
    ]
    batches = collate_by_size(samples, most_pixels=12)
    assert [tuple(images.shape) for images, _ in batches] == [
        (2, 2, 3, 3),
        (1, 2, 3, 3),
        (1, 4, 4, 3),
        (1, 9, 9, 3),
    ]
    numbers = [int(n) for images, _ in batches for n in images[:, 0, 0, 0]]
    assert numbers == [int(n) for _, labels in batches for n in labels[:, 0, 0]] == [0, 2, 3, 1, 4]


def test_a_loss_that_is_not_finite_ends_the_run(toy_spec: SpecWriter, tmp_path: Path) -> None:
    recipe = {"optimiser": "sgd", "learning_rate": 100, "schedule": "constant", "epochs": 4}
    spec = load_ensemble(toy_spec(tmp_path, **recipe))
    with pytest.raises(ModelError, match=r"loss is (nan|inf) in epoch \d: lower the recipe's learning"):
        train_member(spec, spec.members[0])


def test_an_epoch_whose_validation_is_not_finite_is_never_the_best(
    toy_spec: SpecWriter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the last step of an epoch, which no training loss has seen, breaks the weights."""

    def break_weights(module: MemberModule) -> None:
        next(module.segmenter.parameters()).data[:] = math.nan

    monkeypatch.setattr(MemberModule, "on_validation_start", break_weights)
    spec = load_ensemble(toy_spec(tmp_path))
    with pytest.raises(
        ModelError, match=r"the validation loss is nan in epoch 1: lower the recipe's learning"
    ):
        train_member(spec, spec.members[0])
    assert not list(spec.run_folder(spec.members[0]).glob("*.safetensors"))


def test_validation_without_any_label_is_refused(
    toy_spec: SpecWriter, tmp_path: Path, toy_data: Path
) -> None:
    path = toy_spec(tmp_path)
    for mask in (toy_data / "val_masks").iterdir():
        write_mask(tmp_path / "unlabelled" / mask.name, np.full((40, 36), 255, np.uint8))
    path.write_text(path.read_text().replace(str(toy_data / "val_masks"), str(tmp_path / "unlabelled")))
    spec = load_ensemble(path)
    with pytest.raises(DataError, match="no pixel of the validation split has a label"):
        train_member(spec, spec.members[0])


def test_labels_of_another_size_are_refused(toy_spec: SpecWriter, tmp_path: Path, toy_data: Path) -> None:
    path = toy_spec(tmp_path)
    for mask in (toy_data / "val_masks").iterdir():
        write_mask(tmp_path / "small" / mask.name, np.zeros((20, 18), np.uint8))
    path.write_text(path.read_text().replace(str(toy_data / "val_masks"), str(tmp_path / "small")))
    spec = load_ensemble(path)
    with pytest.raises(DataError, match=r"0\.png: has size \(40, 36\) and its labels \(20, 18\)"):
        train_member(spec, spec.members[0])


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_image_is_one_line_wherever_it_is_read(
    toy_spec: SpecWriter, tmp_path: Path, toy_data: Path, workers: int
) -> None:
    path = toy_spec(tmp_path, workers=workers)
    shutil.copytree(toy_data / "train", tmp_path / "broken")
    (tmp_path / "broken" / "3.png").write_bytes(b"")
    path.write_text(path.read_text().replace(str(toy_data / "train") + ",", str(tmp_path / "broken") + ","))
    spec = load_ensemble(path)
    with pytest.raises(DataError) as error:
        train_member(spec, spec.members[0])
    assert str(error.value) == f"{tmp_path / 'broken' / '3.png'}: is empty (0 bytes)"


def test_an_unknown_encoder_is_refused_with_a_near_name(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec = load_ensemble(toy_spec(tmp_path, encoder="resnet19"))
    with pytest.raises(SpecError, match="resnet1"):
        train_member(spec, spec.members[0])
