"""A student: soft labels are carried along with the labels, and learnt from."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from ruamel.yaml import YAML
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data import open_split
from seg.data.splits.unlabelled_split import UnlabelledSplit
from seg.errors import SpecError
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.labels.soft_labels import SoftLabels
from seg.spec import RecipeSpec, load_ensemble
from seg.spec.recipe.mixing import BatchMixSpec
from seg.train.augment import Augment
from seg.train.augment.copy_paste import CopyPaste
from seg.train.losses.distillation import Distillation
from seg.train.mixing import mix_batch
from seg.train.splits.class_counts import count_classes
from seg.train.splits.decoded_split import DecodedSplit
from seg.train.trainer import train_member
from tests.train.conftest import CLASSES, SpecWriter
from tests.train.one_hot_labels import with_one_hot

pytestmark = pytest.mark.slow


def assert_together(truth: NDArray[np.uint8], classes: int) -> None:
    """Labels and soft labels of a sure teacher still say the same at every pixel."""
    labels, soft = truth[..., 0], truth[..., 1:]
    unknown = labels == IGNORE_INDEX
    assert (soft[unknown] == IGNORE_INDEX).all()
    np.testing.assert_array_equal(soft[~unknown], np.eye(classes, dtype=np.uint8)[labels[~unknown]] * 255)


@pytest.mark.parametrize("classes", [3, 12])
@pytest.mark.parametrize(
    "steps",
    [
        ["light"],
        ["notes"],
        ["heavy"],
        [{"Affine": {"rotate": [-45, 45], "scale": [0.5, 1.5], "p": 1.0}}],
        [{"ElasticTransform": {"alpha": 40, "p": 1.0}}, {"GridDistortion": {"p": 1.0}}],
        [{"CoarseDropout": {"p": 1.0}}, {"Perspective": {"p": 1.0}}],
    ],
)
def test_augmentation_moves_both_kinds_of_labels(classes: int, steps: list[object]) -> None:
    rng = np.random.default_rng(0)
    recipe = RecipeSpec.model_validate(
        {"crop": [40, 48], "train_views": "d4", "scale": [0.5, 1.5], "augmentation": steps},
    )
    labels_hw = np.kron(rng.integers(0, classes, (6, 7), dtype=np.uint8), np.ones((8, 8), np.uint8))
    image_hwc = rng.integers(0, 255, (*labels_hw.shape, 3), dtype=np.uint8)
    augment = Augment(recipe)
    for seed in range(12):
        image, truth = augment(image_hwc, with_one_hot(labels_hw, classes), seed)
        assert truth.shape == (40, 48, 1 + classes)
        assert_together(truth, classes)
        alone, labels = augment(image_hwc, labels_hw, seed)
        np.testing.assert_array_equal(truth[..., 0], labels)
        np.testing.assert_array_equal(image, alone)


@pytest.mark.parametrize("way", ["cutmix", "mixup", "gridmask"])
def test_mixing_moves_both_kinds_of_labels(way: str) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, (4, 24, 16), dtype=np.uint8)
    truth = torch.from_numpy(np.stack([with_one_hot(labels_hw, 3) for labels_hw in labels]))
    images = torch.from_numpy(rng.integers(0, 255, (4, 24, 16, 3), dtype=np.uint8))
    mixed = mix_batch(images, truth, BatchMixSpec.model_validate({way: 1.0}), seed=3)
    plain = mix_batch(images, torch.from_numpy(labels), BatchMixSpec.model_validate({way: 1.0}), seed=3)
    assert torch.equal(mixed.images, plain.images)
    for (found, share), (expected, of_plain) in zip(mixed.targets, plain.targets, strict=True):
        assert share == of_plain
        assert torch.equal(found[..., 0], expected)
        for image in found:
            assert_together(image.numpy(), 3)


class _Sure(SoftLabels):
    """What a teacher would say who knows the masks."""

    def read(self, image: Path) -> NDArray[np.uint8]:
        labels_hw = self._labels(image)
        return with_one_hot(labels_hw, len(CLASSES))[..., 1:]

    def _labels(self, image: Path) -> LabelsHW:
        from seg.data import read_mask

        return read_mask(image.parent.with_name(f"{image.parent.name}_masks") / image.name)


def test_pasted_objects_bring_both_kinds_of_labels(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec = load_ensemble(toy_spec(tmp_path))
    images = DecodedSplit(open_split(spec.data, "train"), None, _Sure(tmp_path))
    paste = CopyPaste(images, count_classes(images), [2], Augment(spec.recipe), (32, 32), 1.0)
    for seed in range(6):
        image_hwc, truth = images.read(0)
        image, found = paste(0, image_hwc, truth, seed)
        known = found[..., 0] != IGNORE_INDEX
        assert (found[..., 1:].argmax(-1) == found[..., 0])[known].all()
        assert image.shape == image_hwc.shape


def test_a_student_learns_where_nothing_is_labelled(
    toy_spec: SpecWriter, toy_data: Path, tmp_path: Path
) -> None:
    """With `soft_share: 1` the true labels have no say, and the added images have none at all."""
    spec = load_ensemble(toy_spec(tmp_path, epochs=8, schedule="constant"))
    train = open_split(spec.data, "train")
    images = UnlabelledSplit(toy_data / "train", train.classes, "multiclass")
    assert (images.labels(0) == IGNORE_INDEX).all()
    distillation = Distillation(_Sure(tmp_path), "one who knows", 1.0, 1.0, images)
    result = train_member(spec, spec.members[0], distillation=distillation)
    assert result.best_miou > 0.5
    with pytest.raises(SpecError, match="was trained with teacher one who knows"):
        train_member(spec, spec.members[0])
    hotter = Distillation(_Sure(tmp_path), "one who knows", 1.0, 2.0, images)
    with pytest.raises(SpecError, match=r"the spec says .*temperature 2\.0"):
        train_member(spec, spec.members[0], distillation=hotter)


def test_a_student_is_said_in_the_spec(toy_spec: SpecWriter, tmp_path: Path) -> None:
    document = YAML(typ="safe").load(toy_spec(tmp_path))
    path = tmp_path / "spec.yaml"
    document["student"] = {"architecture": "fpn", "temperature": 3, "images": "photos"}
    YAML(typ="safe").dump(document, path)
    spec = load_ensemble(path)
    assert spec.student is not None
    assert (spec.student.name, spec.student.soft_share, spec.student.temperature) == ("student", 0.5, 3.0)
    assert spec.student.images == tmp_path / "photos"
    recipe = spec.recipe_of(spec.member_of(spec.student))
    assert (recipe.architecture, recipe.encoder) == ("fpn", spec.recipe.encoder)
    document["student"]["name"] = "toy"
    YAML(typ="safe").dump(document, path)
    with pytest.raises(SpecError, match="named 'toy' like a member"):
        load_ensemble(path)


def test_the_command_from_members_to_a_student(exported_toy: Path, toy_data: Path) -> None:
    path, run = exported_toy, CliRunner()
    with pytest.raises(SpecError, match="has no student"):
        run.invoke(app, ["distill", str(path)], catch_exceptions=False)
    with pytest.raises(SpecError, match="--student nonsense"):
        run.invoke(app, ["distill", str(path), "--student", "nonsense"], catch_exceptions=False)
    asked = ["distill", str(path), "--student", "fpn/tu-test_efficientnet", "--images", str(toy_data / "val")]
    done = run.invoke(app, asked, catch_exceptions=False)
    assert "student: val mIoU" in done.stdout
    (soft,) = (path.parent / "runs" / "soft_labels").iterdir()
    made = {file.name: file.stat().st_mtime_ns for file in soft.iterdir()}
    assert len(made) == 10 + 3
    run.invoke(app, [*asked, "--retrain"], catch_exceptions=False)
    assert {file.name: file.stat().st_mtime_ns for file in soft.iterdir()} == made
