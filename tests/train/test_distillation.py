"""A student: soft labels kept in files, carried along with the labels, and learnt from."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from ruamel.yaml import YAML
from torch.nn import functional
from typer.testing import CliRunner

from seg.commands.app import app
from seg.data import open_split
from seg.data.dataset import open_pseudo_splits
from seg.data.images.images import write_image, write_mask
from seg.data.splits.concat_split import ConcatSplit
from seg.data.splits.pseudo_labels import PseudoSplit
from seg.data.splits.unlabelled_split import UnlabelledSplit
from seg.engine import Ensemble
from seg.errors import DataError, SpecError
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.labels.probability_codec import probabilities_to_levels
from seg.labels.soft_labels import SoftLabels
from seg.spec import RecipeSpec, load_ensemble
from seg.spec.recipe.mixing import BatchMixSpec
from seg.train.augment import Augment
from seg.train.augment.copy_paste import CopyPaste
from seg.train.losses.distillation import Distillation, DistillationLoss, soft_label_loss
from seg.train.mixing import mix_batch
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.splits.class_counts import count_classes
from seg.train.splits.decoded_split import DecodedSplit
from seg.train.trainer import train_member
from tests.train.conftest import CLASSES, SpecWriter

pytestmark = pytest.mark.slow


def with_one_hot(labels_hw: LabelsHW, classes: int) -> NDArray[np.uint8]:
    """A student's truth whose teacher is as sure as the labels are, `[H, W, 1 + C]`."""
    one_hot = np.eye(classes, dtype=np.uint8)[labels_hw.clip(0, classes - 1)] * 255
    return np.dstack([labels_hw, one_hot])


def assert_together(truth: NDArray[np.uint8], classes: int) -> None:
    """Labels and soft labels of a sure teacher still say the same at every pixel."""
    labels, soft = truth[..., 0], truth[..., 1:]
    unknown = labels == IGNORE_INDEX
    assert (soft[unknown] == IGNORE_INDEX).all()
    np.testing.assert_array_equal(soft[~unknown], np.eye(classes, dtype=np.uint8)[labels[~unknown]] * 255)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6).filter(lambda given: sum(given) > 1e-3))
def test_a_kept_probability_is_off_by_what_is_said(given: list[float]) -> None:
    probabilities = np.array(given, dtype=np.float32) / sum(given)
    kept = (probabilities_to_levels(probabilities[:, None, None])[:, 0, 0] / 255.0) ** 2
    assert (np.abs(kept - probabilities) <= np.sqrt(probabilities) / 255 + 1 / 510**2 + 1e-6).all()


def test_soft_labels_are_found_by_the_image_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image, copy, other = (tmp_path / name for name in ("a.png", "elsewhere.png", "b.png"))
    write_image(image, rng.integers(0, 255, (6, 5, 3), dtype=np.uint8))
    copy.write_bytes(image.read_bytes())
    write_image(other, rng.integers(0, 255, (6, 5, 3), dtype=np.uint8))
    kept = SoftLabels(tmp_path / "soft")
    probabilities_chw = rng.dirichlet(np.ones(3), size=(6, 5)).transpose(2, 0, 1).astype(np.float32)
    kept.put(image, probabilities_chw)
    assert kept.has(copy)
    np.testing.assert_array_equal(
        kept.read(copy), probabilities_to_levels(probabilities_chw).transpose(1, 2, 0)
    )
    assert not kept.has(other)
    with pytest.raises(DataError, match=r"b\.png: has no soft labels"):
        kept.read(other)
    for shape_hwc in ((5, 6, 3), (6, 5, 4)):
        with pytest.raises(DataError, match=r"has soft labels of \(6, 5, 3\), expected"):
            kept.read_fitting(copy, shape_hwc)
    (file,) = (tmp_path / "soft").iterdir()
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(DataError, match="is damaged"):
        kept.read(image)


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


def test_the_soft_loss_is_the_divergence_at_a_temperature() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 4, 5, generator=generator)
    teacher = (3 * torch.randn(2, 3, 4, 5, generator=generator)).softmax(1)
    soft = torch.from_numpy(
        np.stack([probabilities_to_levels(chw.numpy()).transpose(1, 2, 0) for chw in teacher])
    )
    soft[1, :2] = IGNORE_INDEX
    for temperature in (1.0, 2.0, 4.0):
        flat = (teacher.log() / temperature).softmax(1)
        apart = (flat * (flat.log() - (logits / temperature).log_softmax(1))).sum(1)
        expected = temperature**2 * torch.cat([apart[0].ravel(), apart[1, 2:].ravel()]).mean()
        assert float(soft_label_loss(logits, soft, temperature)) == pytest.approx(float(expected), rel=0.02)


def test_a_student_that_agrees_has_nothing_to_learn() -> None:
    logits = torch.tensor([2.0, 0.5, -1.0]).reshape(1, 3, 1, 1).requires_grad_()
    soft = torch.from_numpy(
        probabilities_to_levels(logits.detach().softmax(1)[0].numpy()).transpose(1, 2, 0)[None]
    )
    loss = soft_label_loss(logits, soft, 2.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert float(loss.detach()) < 1e-3
    assert logits.grad is not None
    assert float(logits.grad.abs().max()) < 0.02


def test_images_without_labels_teach_by_soft_labels_alone() -> None:
    hard = torch.nn.CrossEntropyLoss(ignore_index=IGNORE_INDEX, reduction="sum")

    class Hard(torch.nn.Module):
        def forward(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
            return functional.cross_entropy(logits, labels.long(), ignore_index=IGNORE_INDEX, reduction="sum")

    labels_hw = np.array([[0, 1], [2, 1]], dtype=np.uint8)
    truth = torch.from_numpy(with_one_hot(labels_hw, 3)[None])
    unlabelled = truth.clone()
    unlabelled[..., 0] = IGNORE_INDEX
    logits = torch.randn(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    loss = DistillationLoss(Hard(), soft_share=0.25, temperature=1.0)
    soft = soft_label_loss(logits, truth[..., 1:], 1.0)
    assert float(loss(logits, unlabelled)) == pytest.approx(0.25 * float(soft))
    true = hard(logits, torch.from_numpy(labels_hw[None]).long())
    assert float(loss(logits, truth)) == pytest.approx(float(0.75 * true + 0.25 * soft))
    # Validation has no soft labels, and its loss is the true one.
    assert float(loss(logits, truth[..., 0])) == pytest.approx(float(true))


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


def test_joined_splits_have_all_images_with_their_own_labels(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec = load_ensemble(toy_spec(tmp_path))
    splits = [open_split(spec.data, "val"), open_split(spec.data, "train"), open_split(spec.data, "val")]
    joined = ConcatSplit(splits)
    each = [(split, index) for split in splits for index in range(len(split.samples))]
    assert len(joined.samples) == len(each) == 16
    for place, (split, index) in enumerate(each):
        assert joined.samples[place] == split.samples[index]
        np.testing.assert_array_equal(joined.labels(place), split.labels(index))
    assert joined.fingerprint != ConcatSplit(splits[:2]).fingerprint


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


@pytest.fixture(scope="module")
def trained(toy_spec: SpecWriter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spec of one exported member."""
    path = toy_spec(tmp_path_factory.mktemp("trained"), epochs=3, schedule="constant")
    for command in ("train", "export"):
        assert CliRunner().invoke(app, [command, str(path)], catch_exceptions=False).exit_code == 0
    return path


def test_guessed_labels_are_those_the_ensemble_is_sure_of(
    trained: Path, toy_data: Path, tmp_path: Path
) -> None:
    images, masks = toy_data / "val", tmp_path / "guessed"
    spec, ensemble = load_ensemble(trained), Ensemble.load(trained)
    confidence = float(np.median(ensemble.predict(images / "0.png").probabilities.max(0)))
    asked = ["pseudo-label", str(trained), "--images", str(images), "-o", str(masks), "--confidence"]
    done = CliRunner().invoke(app, [*asked, str(confidence)], catch_exceptions=False)
    split = PseudoSplit(images, masks, open_split(spec.data, "train").classes)
    kept = []
    for index, sample in enumerate(split.samples):
        found_hw, probabilities_chw = split.labels(index), ensemble.predict(sample.image).probabilities
        sure_hw = probabilities_chw.max(0) - confidence
        # Files keep a probability to about 0.004, so pixels nearer to the threshold may go either way.
        assert (found_hw[sure_hw < -0.01] == IGNORE_INDEX).all()
        np.testing.assert_array_equal(
            found_hw[sure_hw > 0.01], probabilities_chw.argmax(0)[sure_hw > 0.01].astype(np.uint8)
        )
        kept.append(found_hw != IGNORE_INDEX)
    share = np.mean(np.concatenate([hw.ravel() for hw in kept]))
    assert 0 < share < 1
    assert f"{share:.1%}" in done.stdout
    with pytest.raises(DataError, match="was guessed for the classes"):
        PseudoSplit(images, masks, split.classes[:2])
    with pytest.raises(DataError, match=r"pseudo\.json: there is no such file"):
        PseudoSplit(images, tmp_path, split.classes)


def test_guessed_labels_are_the_ensembles_own_decisions(
    trained: Path, toy_data: Path, tmp_path: Path
) -> None:
    """A class that counts a thousand times wins nearly everywhere, though it is hardly ever the likeliest."""
    document = YAML(typ="safe").load(trained)
    images, masks = toy_data / "val", tmp_path / "guessed"
    rare = Ensemble.load(trained).predict(images / "0.png").probabilities.mean((1, 2)).argmin()
    name = Ensemble.load(trained).classes[rare].name
    spec = load_ensemble(trained)
    document["members"] = [{"name": "toy", "model": str(spec.model(spec.members[0]))}]
    document |= {"class_factors": {name: 1000.0}, "runs": str(tmp_path / "runs")}
    path = trained.parent / "raised.yaml"
    YAML(typ="safe").dump(document, path)
    asked = ["pseudo-label", str(path), "--images", str(images), "-o", str(masks), "--confidence", "0.02"]
    assert CliRunner().invoke(app, asked, catch_exceptions=False).exit_code == 0
    ensemble = Ensemble.load(path)
    split = PseudoSplit(images, masks, ensemble.classes)
    differing = 0
    for index, sample in enumerate(split.samples):
        prediction = ensemble.predict(sample.image)
        labels_hw, probabilities_chw = prediction.labels, prediction.probabilities
        own_hw = np.choose(labels_hw, list(probabilities_chw))
        # Files keep a probability this small to about 0.001.
        sure_hw = own_hw > 0.03
        np.testing.assert_array_equal(split.labels(index)[sure_hw], labels_hw[sure_hw])
        assert (split.labels(index)[own_hw < 0.01] == IGNORE_INDEX).all()
        differing += (labels_hw != probabilities_chw.argmax(0))[sure_hw].sum()
    assert differing > 0


def test_guessed_labels_are_trained_on_beside_true_ones(
    trained: Path, toy_data: Path, toy_spec: SpecWriter, tmp_path: Path
) -> None:
    masks = tmp_path / "guessed"
    images = tmp_path / "photos"
    images.mkdir()
    for name in ("0.png", "1.png"):
        (images / name).write_bytes((toy_data / "val" / name).read_bytes())
    asked = ["pseudo-label", str(trained), "--images", str(images), "-o", str(masks)]
    CliRunner().invoke(app, asked, catch_exceptions=False)
    document = YAML(typ="safe").load(toy_spec(tmp_path, epochs=1, batch_size=12))
    document["data"]["pseudo"] = {"images": "photos", "masks": "guessed"}
    path = tmp_path / "spec.yaml"
    YAML(typ="safe").dump(document, path)
    spec = load_ensemble(path)
    result = train_member(spec, spec.members[0])
    assert result.best_epoch == 1
    # A batch of twelve is whole only with the two images that were guessed.
    card = load_checkpoint(spec.checkpoint(spec.members[0]))[1]
    assert card.training is not None
    train = open_split(spec.data, "train")
    assert (
        card.training.dataset_fingerprint == ConcatSplit((train, *open_pseudo_splits(spec.data))).fingerprint
    )
    assert card.training.dataset_fingerprint != train.fingerprint
    write_mask(masks / "0.png", np.full((40, 36), 7, dtype=np.uint8))
    with pytest.raises(DataError, match=r"0\.png: has label 7, which is no class"):
        open_pseudo_splits(spec.data)[0].labels(0)


def test_the_command_from_members_to_a_student(trained: Path, toy_data: Path) -> None:
    path, run = trained, CliRunner()
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
