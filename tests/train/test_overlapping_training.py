"""Training of classes that overlap: planes through augmentation, mixing and sampling, and what is learnt."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from ruamel.yaml import YAML
from torch import Tensor
from torch.distributions import Bernoulli, kl_divergence
from torchmetrics.functional.classification import multiclass_jaccard_index, multilabel_jaccard_index

from seg.data import Sample, open_split
from seg.data.images.images import write_image
from seg.data.tables.run_lengths import encode_run_lengths
from seg.errors import SpecError
from seg.labels.classes import ClassInfo, default_colour
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.soft_labels import SoftLabels
from seg.labels.task import LabelMap, Task, pack_masks
from seg.spec import EnsembleSpec, RecipeSpec, load_ensemble
from seg.spec.recipe.augmentation import AugmentationStepSpec, CopyPasteSpec
from seg.spec.recipe.losses import LossMixSpec
from seg.spec.recipe.mixing import BatchMixSpec
from seg.train.augment import Augment, CopyPaste, labels_to_paste
from seg.train.batches.sampling import class_balanced_shares, counts_with_empty_images
from seg.train.losses import LossMix, build_loss
from seg.train.losses.cross_entropy import cross_entropy
from seg.train.losses.distillation import DistillationLoss
from seg.train.losses.loss_mix import WeightedLoss
from seg.train.metrics.overlap_counts import iou_of_overlap, overlap_counts
from seg.train.mixing import mix_batch
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.preview import preview_crops
from seg.train.splits.class_counts import count_classes
from seg.train.splits.class_planes import class_planes, label_map_of
from seg.train.splits.decoded_split import DecodedSplit
from seg.train.trainer import train_member
from tests.train.conftest import RECIPE

COLOURS = np.array([[170, 0, 0], [0, 170, 0], [0, 0, 170]])
"""What each class adds to a pixel."""

COUNTS = {"train": 12, "val": 4}
SIDE = 32


@pytest.fixture(scope="module")
def lights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of three lights that overlap, each a channel; every third image is dark."""
    folder = tmp_path_factory.mktemp("lights")
    rng = np.random.default_rng(0)
    for split, count in COUNTS.items():
        rows = ["ImageId,ClassId,EncodedPixels"]
        for number in range(count):
            blocks_chw = (rng.random((3, 4, 4)) < 0.4) & (number % 3 > 0)
            masks_chw = blocks_chw.repeat(8, 1).repeat(8, 2)
            image_hwc = np.einsum("chw,cd->hwd", masks_chw.astype(int), COLOURS)
            image_hwc += rng.integers(20, 60, image_hwc.shape)
            write_image(folder / split / f"{number}.png", image_hwc.astype(np.uint8))
            for label, mask_hw in enumerate(masks_chw):
                rows.append(f"{number}.png,{label + 1},{encode_run_lengths(mask_hw, 'columns', 1)}")
        (folder / f"{split}.csv").write_text("\n".join(rows) + "\n")
    return folder


def spec_of(lights: Path, folder: Path, *, classes: int = 3, **recipe: Any) -> EnsembleSpec:
    table = {s: {"images": str(lights / s), "labels": str(lights / f"{s}.csv")} for s in COUNTS}
    names = [{"name": f"light {n}", "id": n} for n in range(1, classes + 1)]
    document = {
        "data": {**table, "task": "multilabel", "classes": names},
        "recipe": {**RECIPE, "augmentation": "none", "scale": [1.0, 1.0], **recipe},
        "members": [{"name": "toy"}],
        "runs": "runs",
    }
    folder.mkdir(exist_ok=True)
    YAML(typ="safe").dump(document, folder / "spec.yaml")
    return load_ensemble(folder / "spec.yaml")


@pytest.fixture
def images(lights: Path, tmp_path: Path) -> DecodedSplit:
    return DecodedSplit(open_split(spec_of(lights, tmp_path).data, "train"))


@given(arrays(np.bool_, array_shapes(min_dims=3, max_dims=3, min_side=2, max_side=12)))
def test_planes_are_the_bits_of_a_map(masks_chw: NDArray[np.bool_]) -> None:
    """The last mask is what is ignored."""
    n_classes, ignored_hw = len(masks_chw) - 1, masks_chw[-1]
    planes_hwc = class_planes(pack_masks(masks_chw), n_classes)
    expected = np.where(ignored_hw, IGNORE_INDEX, masks_chw[:-1]).transpose(1, 2, 0)
    np.testing.assert_array_equal(planes_hwc, expected)
    known_chw = np.concatenate([masks_chw[:-1] & ~ignored_hw, ignored_hw[None]])
    np.testing.assert_array_equal(label_map_of(planes_hwc), pack_masks(known_chw))


def test_images_are_read_with_a_plane_for_each_class(images: DecodedSplit) -> None:
    image_hwc, planes_hwc = images.read(4)
    np.testing.assert_array_equal(planes_hwc, image_hwc > 100)


@dataclass(frozen=True)
class RandomBits:
    """One image on disk, and bits of this number of classes."""

    classes: tuple[ClassInfo, ...]
    samples: tuple[Sample, ...]
    task: Task = "multilabel"
    fingerprint: str = ""

    def labels(self, index: int) -> LabelMap:
        masks_chw = np.random.default_rng(0).random((len(self.classes) + 1, SIDE, SIDE)) < 0.5
        return pack_masks(masks_chw)

    def open_labels(self, index: int) -> LabelMap:
        return self.labels(index)


@pytest.mark.parametrize("count", [1, 3, 9, 40])
def test_planes_are_resized_by_nearest_neighbour(count: int, lights: Path) -> None:
    classes = tuple(ClassInfo(id=n, name=f"class {n}", colour=default_colour(n)) for n in range(count))
    split = RandomBits(classes, (Sample("0", lights / "train/0.png"),))
    _, planes_hwc = DecodedSplit(split).read(0)
    _, larger_hwc = DecodedSplit(split, (2 * SIDE, 3 * SIDE)).read(0)
    np.testing.assert_array_equal(larger_hwc, planes_hwc.repeat(2, 0).repeat(3, 1))


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), classes=st.sampled_from([1, 3, 5, 9]), side=st.sampled_from([16, 48]))
def test_planes_go_with_their_image_and_are_ignored_outside(seed: int, classes: int, side: int) -> None:
    rng = np.random.default_rng(seed)
    image_hwc = rng.integers(1, 256, (24, 28, 3), dtype=np.uint8)
    planes_hwc = np.stack([image_hwc[..., n % 3] >> n % 8 & 1 for n in range(classes)], axis=-1)
    recipe = RecipeSpec(
        crop=(side, side), scale=(1, 1), train_views="d4", augmentation=(AugmentationStepSpec(name="none"),)
    )
    crop_hwc, found_hwc = Augment(recipe)(image_hwc, planes_hwc, seed)
    assert found_hwc.shape == (side, side, classes)
    expected = np.stack([crop_hwc[..., n % 3] >> n % 8 & 1 for n in range(classes)], axis=-1)
    inside = crop_hwc[..., 0] > 0
    np.testing.assert_array_equal(found_hwc[inside], expected[inside])
    assert (found_hwc[~inside] == IGNORE_INDEX).all()


@pytest.mark.parametrize("preset", ["light", "heavy", "notes"])
def test_presets_never_mix_planes(preset: str, images: DecodedSplit) -> None:
    augment = Augment(RecipeSpec(crop=(24, 40), augmentation=(AugmentationStepSpec(name=preset),)))
    for seed in range(20):
        _, planes_hwc = augment(*images.read(seed % len(images)), seed)
        assert set(np.unique(planes_hwc)) <= {0, 1, IGNORE_INDEX}
        ignored = planes_hwc == IGNORE_INDEX
        assert (ignored.all(-1) == ignored.any(-1)).all()


@given(seed=st.integers(0, 2**32 - 1), method=st.sampled_from(["cutmix", "mixup", "gridmask"]))
def test_mixed_batches_keep_planes_with_their_images(seed: int, method: str) -> None:
    rng = torch.Generator().manual_seed(0)
    planes = torch.randint(2, (3, 12, 10, 3), generator=rng).to(torch.uint8)
    mixed = mix_batch(planes * 200, planes, BatchMixSpec(**{method: 1.0}), seed)
    blended = torch.zeros(planes.shape)
    for target, share in mixed.targets:
        blended += share * (target == 1)
        ignored = target == IGNORE_INDEX
        assert torch.equal(ignored.all(-1), ignored.any(-1))
    torch.testing.assert_close(mixed.images.float() / 200, blended, atol=0.01, rtol=0)


def test_pasted_objects_bring_all_their_classes(images: DecodedSplit) -> None:
    recipe = RecipeSpec(crop=(SIDE, SIDE), scale=(1, 1), augmentation=(AugmentationStepSpec(name="none"),))
    counts_nc = count_classes(images)
    labels = labels_to_paste(CopyPasteSpec(classes=("light 2",)), images.classes, counts_nc)
    paste = CopyPaste(images, counts_nc, labels, Augment(recipe), recipe.crop, 1.0)
    dark = 0
    assert not images.read(dark)[1].any()
    image_hwc, planes_hwc = paste(dark, *images.read(dark), seed=3)
    np.testing.assert_array_equal(planes_hwc, image_hwc > 100)
    pasted = planes_hwc.any(-1)
    assert planes_hwc[pasted][:, 1].all() and planes_hwc[..., [0, 2]].any()


def test_empty_images_are_drawn_like_those_of_a_class() -> None:
    counts_nc = np.array([[5, 0], [0, 0], [7, 2], [0, 0], [0, 0]])
    shares_n = class_balanced_shares(counts_with_empty_images(counts_nc))
    thirds = [1 / 2, 1 / 3, 1 / 2 + 1, 1 / 3, 1 / 3]
    np.testing.assert_allclose(shares_n, np.array(thirds) / 3)


def test_iou_is_torchmetrics(images: DecodedSplit) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 9, 8, generator=rng)
    planes = torch.randint(2, (3, 9, 8, 4), generator=rng).to(torch.uint8)
    hidden = torch.rand(3, 9, 8, 1, generator=rng) < 0.2
    planes = planes.masked_fill(hidden, IGNORE_INDEX)
    expected = multilabel_jaccard_index(
        logits.sigmoid(),
        planes.movedim(-1, 1).long(),
        num_labels=4,
        average="none",
        ignore_index=IGNORE_INDEX,
    )
    torch.testing.assert_close(iou_of_overlap(overlap_counts(logits, planes)).float(), expected)
    labels = torch.randint(4, (3, 9, 8), generator=rng).masked_fill(hidden[..., 0], IGNORE_INDEX)
    expected = multiclass_jaccard_index(
        logits.argmax(1), labels, num_classes=4, average="none", ignore_index=IGNORE_INDEX
    )
    torch.testing.assert_close(iou_of_overlap(overlap_counts(logits, labels)).float(), expected)


def test_an_absent_class_that_is_not_predicted_has_no_iou() -> None:
    planes = torch.zeros(1, 2, 2, 2, dtype=torch.uint8)
    logits = torch.tensor([-1.0, 1.0]).reshape(1, 2, 1, 1).expand(1, 2, 2, 2)
    assert str(iou_of_overlap(overlap_counts(logits, planes)).tolist()) == "[nan, 0.0]"


@pytest.mark.parametrize(
    "loss",
    [
        {"cross_entropy": 1},
        {"cross_entropy": {"weight": 1, "positive_weight": 3.0}},
        {"cross_entropy": {"weight": 1, "label_smoothing": 0.2, "class_weights": "balanced"}},
        *({name: 1} for name in LossMixSpec.model_fields if name != "cross_entropy"),
        {"lovasz": {"weight": 1, "symmetric": True}},
    ],
    ids=str,
)
def test_each_loss_teaches_a_pixelwise_network(loss: dict[str, Any], images: DecodedSplit) -> None:
    torch.manual_seed(0)
    network = torch.nn.Conv2d(3, 3, 1)
    measure = build_loss(LossMixSpec.model_validate(loss), images)
    batch = [images.read(index) for index in range(len(images))]
    inputs = torch.stack([torch.from_numpy(image) for image, _ in batch]).movedim(-1, 1) / 255 - 0.5
    planes = torch.stack([torch.from_numpy(target) for _, target in batch])
    optimiser = torch.optim.Adam(network.parameters(), lr=0.3)

    def step() -> Tensor:
        optimiser.zero_grad()
        value: Tensor = measure(network(inputs), planes)
        torch.autograd.backward(value)
        return value

    for _ in range(60):
        optimiser.step(step)
    assert float(iou_of_overlap(overlap_counts(network(inputs).detach(), planes)).min()) > 0.9


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_a_students_loss_is_the_divergence_of_bernoullis(temperature: float) -> None:
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 5, 4, generator=rng)
    planes = torch.randint(2, (2, 5, 4, 3), generator=rng).to(torch.uint8)
    levels = torch.randint(1, 255, (2, 5, 4, 3), generator=rng).to(torch.uint8)
    hidden = torch.rand(2, 5, 4, generator=rng) < 0.2
    target = torch.cat([planes, levels], dim=-1).masked_fill(hidden[..., None], IGNORE_INDEX)
    teacher = Bernoulli(logits=(levels.movedim(-1, 1) / 255).square().logit() / temperature)
    apart = kl_divergence(teacher, Bernoulli(logits=logits / temperature))
    known = ~hidden[:, None].expand_as(apart)
    plain = LossMix([WeightedLoss(cross_entropy, 1.0, np.ones(3, np.float32))])
    expected = 0.3 * plain(logits, target[..., :3]) + 0.7 * temperature**2 * apart[known].mean()
    found = DistillationLoss(plain, 0.7, temperature)(logits, target)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(
        DistillationLoss(plain, 0.7, temperature)(logits, target[..., :3]), plain(logits, target[..., :3])
    )


def test_a_sure_soft_label_of_one_class_is_not_ignored(lights: Path, tmp_path: Path) -> None:
    split = RandomBits(
        (ClassInfo(id=1, name="light", colour=(1, 2, 3)),), (Sample("0", lights / "train/0.png"),)
    )
    soft_labels = SoftLabels(tmp_path)
    soft_labels.put(split.samples[0].image, np.ones((1, SIDE, SIDE), np.float32))
    _, target_hwc = DecodedSplit(split, None, soft_labels).read(0)
    assert (target_hwc[..., 1] == 254).all()


@pytest.mark.slow
def test_a_member_learns_lights_that_overlap(lights: Path, tmp_path: Path) -> None:
    """With sampling, mixing and pasting; the checkpoint says what it was trained for."""
    spec = spec_of(
        lights, tmp_path, epochs=24, loss={"cross_entropy": 1, "dice": 1}, sampling="class_balanced",
        mix={"cutmix": 0.3}, copy_paste={"classes": ["light 1"], "probability": 0.3}, learning_rate=2e-2,
    )  # fmt: skip
    result = train_member(spec, spec.members[0])
    assert result.best_miou > 0.7
    assert list(result.best_iou) == ["light 1", "light 2", "light 3"]
    _, card = load_checkpoint(tmp_path / "runs/toy/model.safetensors")
    assert card.task == "multilabel" and [c.id for c in card.classes] == [1, 2, 3]
    one_class = tmp_path / "spec.yaml"
    one_class.write_text(one_class.read_text().replace("multilabel", "multiclass"))
    with pytest.raises(SpecError, match="trained with task 'multilabel' and the dataset's is 'multiclass'"):
        train_member(load_ensemble(one_class), spec.members[0])


def test_parameters_of_overlapping_losses_need_their_task(
    toy_spec: Callable[..., Path], tmp_path: Path
) -> None:
    for loss, parameter in (({"cross_entropy": {"positive_weight": 2.0}}, "positive_weight"),
                            ({"lovasz": {"symmetric": True}}, "symmetric")):  # fmt: skip
        spec = load_ensemble(toy_spec(tmp_path, loss=loss))
        with pytest.raises(SpecError, match=f"{parameter}' is for classes that overlap"):
            train_member(spec, spec.members[0])


def test_a_preview_draws_classes_that_overlap(lights: Path, tmp_path: Path) -> None:
    spec = spec_of(lights, tmp_path, mix={"cutmix": 1.0})
    sheet_hwc, suspicious = preview_crops(spec.data, spec.recipe, 4)
    assert sheet_hwc.ndim == 3 and [crop.problem for crop in suspicious if "NaN" in crop.problem] == []
