"""What augmentation does to images and labels, whatever the recipe says."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg.errors import SpecError
from seg.labels.label_map import IGNORE_INDEX, ImageHWC, LabelsHW
from seg.spec import RecipeSpec, load_ensemble
from seg.spec.recipe.augmentation import PRESETS, AugmentationStepSpec
from seg.train.augment import Augment, check_augmentation

USER_LISTS: list[list[Any]] = [
    ["light", {"GaussNoise": {"p": 0.9}}, "CLAHE"],
    [{"Rotate": {"limit": 90, "p": 1.0}}, {"Perspective": {"p": 1.0}}],
    [{"ElasticTransform": {"alpha": 300, "p": 1.0}}, {"GridDistortion": {"p": 1.0}}],
    [{"CoarseDropout": {"fill_mask": 255, "p": 1.0}}, {"RandomGridShuffle": {"p": 1.0}}],
    [{"Affine": {"translate_percent": [-0.5, 0.5], "scale": [0.5, 2.0], "p": 1.0}}],
]
AUGMENTATIONS: list[Any] = [*PRESETS, *USER_LISTS]


def steps(*written: str | dict[str, dict[str, Any]]) -> tuple[AugmentationStepSpec, ...]:
    return tuple(
        AugmentationStepSpec(name=one) if isinstance(one, str) else AugmentationStepSpec(name=n, parameters=p)
        for one in written
        for n, p in ([("", {})] if isinstance(one, str) else one.items())
    )


def recipe(augmentation: Any = "none", **fields: Any) -> RecipeSpec:
    written = [augmentation] if isinstance(augmentation, str) else augmentation
    return RecipeSpec(**{"crop": (40, 56), "augmentation": steps(*written)} | fields)


def some_image(size_hw: tuple[int, int], classes: list[int], seed: int) -> tuple[ImageHWC, LabelsHW]:
    """Noise around a bright grey, and small blocks of labels."""
    rng = np.random.default_rng(seed)
    height, width = size_hw
    image_hwc = rng.integers(100, 200, (height, width, 3), np.uint8)
    blocks = rng.choice(np.array(classes, np.uint8), (height // 4 + 1, width // 4 + 1))
    return image_hwc, blocks.repeat(4, 0).repeat(4, 1)[:height, :width]


@pytest.mark.parametrize("augmentation", AUGMENTATIONS, ids=str)
@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(9, 90),
    width=st.integers(9, 90),
    classes=st.lists(st.integers(0, 254), min_size=1, max_size=6, unique=True),
    scale=st.tuples(st.floats(0.4, 1.0), st.floats(1.0, 2.0)),
    seed=st.integers(0, 2**40),
)
def test_labels_are_never_mixed(
    augmentation: Any, height: int, width: int, classes: list[int], scale: tuple[float, float], seed: int
) -> None:
    augment = Augment(recipe(augmentation, scale=scale, train_views="d4"))
    image_hwc, labels_hw = some_image((height, width), classes, seed)
    crop_hwc, crop_labels_hw = augment(image_hwc, labels_hw, seed)
    assert crop_hwc.shape == (40, 56, 3)
    assert crop_labels_hw.shape == (40, 56)
    assert crop_hwc.dtype == crop_labels_hw.dtype == np.uint8
    assert set(np.unique(crop_labels_hw)) <= {*np.unique(labels_hw), IGNORE_INDEX}

    again = augment(image_hwc, labels_hw, seed)
    assert np.array_equal(again[0], crop_hwc)
    assert np.array_equal(again[1], crop_labels_hw)


GEOMETRIC: list[list[Any]] = [
    [{"Rotate": {"limit": [45, 45], "p": 1.0}}],
    [{"Affine": {"translate_percent": [0.4, 0.4], "p": 1.0}}],
    [{"OpticalDistortion": {"distort_limit": [0.4, 0.4], "p": 1.0}}],
    [{"ElasticTransform": {"alpha": 200, "sigma": 4, "p": 1.0}}],
    [{"SafeRotate": {"limit": [30, 30], "p": 1.0}}],
    ["none"],
]


@pytest.mark.parametrize("augmentation", GEOMETRIC, ids=str)
def test_pixels_from_outside_are_ignored(augmentation: Any) -> None:
    """On a white image of one class, black is what came from outside."""
    size = (48, 48) if augmentation != ["none"] else (20, 30)
    augment = Augment(recipe(augmentation, crop=(48, 48), scale=(1.0, 1.0), train_views="none"))
    for seed in range(10):
        image_hwc, labels_hw = augment(np.full((*size, 3), 255, np.uint8), np.zeros(size, np.uint8), seed)
        black = image_hwc.max(2) == 0
        assert black.any()
        assert (labels_hw[black] == IGNORE_INDEX).all()
        assert (labels_hw[image_hwc.min(2) == 255] == 0).mean() > 0.95


def test_image_and_labels_move_together() -> None:
    """The image is its own label map, so each label can be read off its pixel."""
    augment = Augment(recipe(["notes"], scale=(0.5, 2.0), train_views="d4"))
    augment_mildly = Augment(recipe(["none"], scale=(1.0, 1.0), train_views="d4"))
    for seed in range(20):
        _, labels_hw = some_image((64, 70), [0, 120, 250], seed)
        picture_hwc = labels_hw[..., None].repeat(3, 2)
        crop_hwc, crop_labels_hw = augment_mildly(picture_hwc, labels_hw, seed)
        known = crop_labels_hw != IGNORE_INDEX
        assert np.array_equal(crop_hwc[known][:, 0], crop_labels_hw[known])

        smooth = labels_hw.copy()
        smooth[:, :35], smooth[:, 35:] = 0, 250
        crop_hwc, crop_labels_hw = augment(smooth[..., None].repeat(3, 2), smooth, seed)
        known = crop_labels_hw != IGNORE_INDEX
        agree = (crop_hwc[..., 0] > 125) == (crop_labels_hw > 125)
        assert agree[known].mean() > 0.9


def test_an_original_is_only_cropped() -> None:
    augment = Augment(recipe(["heavy"], train_views="d4"))
    image_hwc, labels_hw = some_image((60, 70), [1, 2, 3], seed=1)
    for seed in range(10):
        crop_hwc, crop_labels_hw = augment(image_hwc, labels_hw, seed, original=True)
        places = [
            (top, left)
            for top in range(60 - 40 + 1)
            for left in range(70 - 56 + 1)
            if np.array_equal(image_hwc[top : top + 40, left : left + 56], crop_hwc)
        ]
        ((top, left),) = places
        assert np.array_equal(labels_hw[top : top + 40, left : left + 56], crop_labels_hw)


def test_applied_transforms_are_those_of_the_same_call() -> None:
    augment = Augment(recipe([{"InvertImg": {"p": 0.5}}], scale=(1.0, 1.0), train_views="none"))
    black = np.zeros((40, 56, 3), np.uint8), np.zeros((40, 56), np.uint8)
    inverted = [bool(augment(*black, seed)[0].any()) for seed in range(30)]
    assert inverted == ["InvertImg" in augment.with_transform_names(*black, seed)[2] for seed in range(30)]
    assert len(set(inverted)) == 2


def test_transforms_happen_independently_of_one_another() -> None:
    """Four of probability 1/2, of which the first decides about the crop: all 16 cases, equally often."""
    chances = [{name: {"p": 0.5}} for name in ("InvertImg", "ChannelShuffle", "ToGray")]
    augment = Augment(recipe(chances, scale=(1.0, 1.0), train_views="hflip"))
    image = some_image((40, 56), [0, 1], seed=0)
    cases = Counter(augment.with_transform_names(*image, seed)[2] for seed in range(1600))
    assert len(cases) == 16
    assert max(cases.values()) < 100 + 5 * 10
    assert min(cases.values()) > 100 - 5 * 10


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_leave_something_to_see(preset: str) -> None:
    """A mid-grey image with a little contrast stays neither black, nor white, nor flat."""
    augment = Augment(recipe(preset, crop=(64, 64), scale=(1.0, 1.0)))
    image_hwc, labels_hw = some_image((64, 64), [0, 1], seed=0)
    image_hwc[:32] //= 2
    for seed in range(60):
        crop_hwc, crop_labels_hw = augment(image_hwc, labels_hw, seed)
        known = crop_labels_hw != IGNORE_INDEX
        assert known.mean() > 0.6
        assert 25 < crop_hwc[known].mean() < 230
        assert crop_hwc[known].std() > 10


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ({"GausNoise": {"p": 1}}, "albumentations has no transform 'GausNoise': did you mean 'GaussNoise'?"),
        ({"GaussNoise": {"std": 1}}, "GaussNoise has no parameter 'std': did you mean 'std_range'?"),
        ({"GaussNoise": {"std_range": [0.1, 7]}}, r"GaussNoise: std_range: .*\(0.1, 7.0\)"),
        ({"CLAHE": {"p": 2}}, "CLAHE: p: Input should be less than or equal to 1"),
        ({"LongestMaxSize": {}}, "LongestMaxSize: Either max_size or max_size_hw"),
        ({"Rotate": {"fill_mask": 0}}, "Rotate: fill_mask can only be 255: remove it"),
        ({"Affine": {"mask_interpolation": 1}}, "Affine: mask_interpolation can only be 0"),
        ({"Pad3D": {}}, "Pad3D does not support label maps"),
        ({"Normalize": {}}, "Normalize returns float32, the network takes uint8"),
        ({"RandomScale": {}}, "RandomScale turns crops of"),
        ({"Transpose": {}}, "Transpose turns crops of 40x56x3 into 56x40x3"),
        ({"Morphological": {}}, "Morphological does arithmetic on labels"),
        ({"TimeMasking": {}}, "TimeMasking does arithmetic on labels"),
        ({"GaussianBlur": {"sigma_limit": 0}}, "GaussianBlur turns the whole image into the colour 0"),
        ({"FDA": {}}, "FDA fails on a crop .*fda_metadata"),
    ],
    ids=str,
)
def test_what_cannot_train_is_refused_in_its_line(
    step: dict[str, dict[str, Any]], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(
        "data: {train: {images: a, masks: b}, val: {images: a, masks: b}, classes: [a, b]}\n"
        "members: [{name: m}]\n"
        "recipe:\n"
        "  crop: 40x56\n"
        "  augmentation:\n"
        "    - light\n"
        f"    - {step}\n".replace("'", "")
    )
    with pytest.raises(SpecError, match=message) as error:
        check_augmentation(load_ensemble(path).recipe)
    assert str(error.value).startswith(f"{path}:7: ")
    assert "\n" not in str(error.value)


def test_what_differs_with_one_seed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import albumentations as albu

    dice = np.random.default_rng(0)

    def unseeded(_: object, image_hwc: ImageHWC, **__: object) -> ImageHWC:
        flipped: ImageHWC = image_hwc ^ dice.integers(0, 2, image_hwc.shape, np.uint8)
        return flipped

    monkeypatch.setattr(albu.InvertImg, "apply", unseeded)
    with pytest.raises(SpecError, match="InvertImg is not reproducible with the same seed"):
        check_augmentation(recipe(["InvertImg"]))


def test_quarter_turns_are_fine_in_a_square() -> None:
    check_augmentation(recipe(["Transpose", "RandomRotate90", "light"], crop=(32, 32)))
