"""Objects of rare classes, pasted from other images."""

from pathlib import Path

import numpy as np
import pytest

from seg.data import Sample
from seg.data.images.images import write_image
from seg.errors import SpecError
from seg.labels.classes import ClassInfo, default_colour
from seg.labels.label_map import IGNORE_INDEX, LabelsHW
from seg.labels.task import Task
from seg.spec import RecipeSpec, load_ensemble
from seg.spec.recipe.augmentation import AugmentationStepSpec, CopyPasteSpec
from seg.train.augment import Augment, CopyPaste, check_copy_paste, labels_to_paste
from seg.train.splits.class_counts import count_classes
from seg.train.splits.decoded_split import DecodedSplit

CLASSES = tuple(
    ClassInfo(id=i, name=n, colour=default_colour(i)) for i, n in enumerate(["sky", "road", "dog", "cat"])
)
SIZE = (48, 60)
CROP = (24, 32)
DOGS = {3: (5, 40), 6: (30, 4)}
"""The images that have a dog, and where its 8x8 pixels begin."""


class Drawn:
    """Ten images whose grey tells image and label: 20 times the image's number plus the label."""

    task: Task = "multiclass"
    classes = CLASSES
    fingerprint = ""

    def __init__(self, folder: Path) -> None:
        self.samples = tuple(Sample(str(n), folder / f"{n}.png") for n in range(10))
        for number, sample in enumerate(self.samples):
            grey_hw = (20 * number + self.labels(number) % IGNORE_INDEX).astype(np.uint8)
            write_image(sample.image, grey_hw[..., None].repeat(3, 2))

    def labels(self, index: int) -> LabelsHW:
        labels_hw = np.zeros(SIZE, np.uint8)
        labels_hw[24:] = 1
        labels_hw[:, :2] = IGNORE_INDEX
        if index in DOGS:
            top, left = DOGS[index]
            labels_hw[top : top + 8, left : left + 8] = 2
        return labels_hw

    def open_labels(self, index: int) -> LabelsHW:
        return self.labels(index)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> DecodedSplit:
    return DecodedSplit(Drawn(tmp_path_factory.mktemp("drawn")))


def pasting(images: DecodedSplit, probability: float = 1.0, labels: tuple[int, ...] = (2,)) -> CopyPaste:
    recipe = RecipeSpec(
        crop=CROP, scale=(1.0, 1.0), train_views="none", augmentation=(AugmentationStepSpec(name="none"),)
    )
    return CopyPaste(images, count_classes(images), labels, Augment(recipe), CROP, probability)


def target(image: int) -> tuple[np.ndarray, np.ndarray]:
    labels_hw = np.ones(CROP, np.uint8)
    labels_hw[:3] = IGNORE_INDEX
    return np.full((*CROP, 3), 20 * image + 1, np.uint8), labels_hw


def test_only_objects_come_and_bring_their_labels(images: DecodedSplit) -> None:
    paste = pasting(images)
    for seed in range(30):
        image_hwc, labels_hw = target(0)
        pasted_hwc, pasted_labels_hw = paste(0, image_hwc, labels_hw, seed)
        dog = pasted_labels_hw == 2
        assert dog.any()
        assert dog.sum() <= 64
        assert set(np.unique(pasted_hwc[dog])) <= {20 * number + 2 for number in DOGS}
        assert np.array_equal(pasted_hwc[~dog], image_hwc[~dog])
        assert np.array_equal(pasted_labels_hw[~dog], labels_hw[~dog])
        assert (image_hwc == 1).all()


def test_objects_come_from_other_images_to_any_place(images: DecodedSplit) -> None:
    paste = pasting(images)
    sources, places = set(), set()
    for seed in range(60):
        pasted_hwc, pasted_labels_hw = paste(3, *target(3), seed)
        dog = pasted_labels_hw == 2
        sources |= set(np.unique(pasted_hwc[dog]).tolist())
        places.add(tuple(np.argwhere(dog)[0].tolist()))
    assert sources == {20 * 6 + 2}
    assert len(places) > 20


def test_pasting_follows_from_the_seed_and_happens_as_often_as_asked(images: DecodedSplit) -> None:
    paste = pasting(images, probability=0.3)
    pasted = []
    for seed in range(300):
        first, second = (paste(0, *target(0), seed) for _ in range(2))
        assert np.array_equal(first[0], second[0])
        assert np.array_equal(first[1], second[1])
        assert paste.should_paste(seed) == paste.should_paste(seed)
        pasted.append(paste.should_paste(seed))
    assert np.mean(pasted) == pytest.approx(0.3, abs=0.08)


def test_a_class_that_one_image_has_is_not_pasted_into_it(images: DecodedSplit) -> None:
    counts_nc = count_classes(images)
    counts_nc[6, 2] = 0
    recipe = RecipeSpec(crop=CROP)
    paste = CopyPaste(images, counts_nc, [2], Augment(recipe), CROP, 1.0)
    for seed in range(5):
        _, labels_hw = paste(3, *target(3), seed)
        assert np.array_equal(labels_hw, target(3)[1])


def test_rare_is_less_than_half_the_median_of_what_occurs(images: DecodedSplit) -> None:
    counts_nc = count_classes(images)
    assert counts_nc[3].tolist() == [24 * 58 - 64, 24 * 58, 64, 0]
    assert labels_to_paste(CopyPasteSpec(), CLASSES, counts_nc) == [2]
    by_hand = np.array([[100, 40, 49, 0], [0, 60, 0, 0]])
    assert labels_to_paste(CopyPasteSpec(), CLASSES, by_hand) == [2]
    assert labels_to_paste(CopyPasteSpec(classes=("dog", "sky")), CLASSES, by_hand) == [2, 0]


def test_a_class_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(
        "data: {train: {images: a, masks: b}, val: {images: a, masks: b}, classes: [a, b]}\n"
        "members:\n"
        "  - name: m\n"
        "    copy_paste:\n"
        "      classes: [dog, dgo]\n"
    )
    spec = load_ensemble(path)
    with pytest.raises(SpecError) as error:
        check_copy_paste(spec.recipe_of(spec.members[0]), CLASSES)
    assert str(error.value) == f"{path}:5: there is no class 'dgo': did you mean 'dog'?"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (CopyPasteSpec(), "no class has less than half .* name those to paste: sky, road, dog, cat"),
        (CopyPasteSpec(classes=("sky", "cat")), "no training image has class 'cat'"),
    ],
)
def test_nothing_to_paste_is_an_error(spec: CopyPasteSpec, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        labels_to_paste(spec, CLASSES, np.array([[7, 7, 7, 0]]))
