"""Preview of training crops: a contact sheet of the network's inputs, and warnings about suspicious ones.

Crops come from the sampler, augmentation and mixing of training, then pass through the segmenter's padding,
resizing and normalisation, and are drawn de-normalised.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import default_collate

from seg.data import open_split
from seg.data.deep.picture import default_rgb
from seg.data.images.read_sample import size_of_sample
from seg.data.splits.split import Sample, Split
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC
from seg.labels.task import LabelMap, classes_overlap, ignored_in
from seg.models.card import InputCard
from seg.pictures.drawing import draw_caption, draw_contact_sheet, draw_legend, draw_overlay, enlarge_picture
from seg.spec import DatasetSpec, RecipeSpec
from seg.spec.recipe.augmentation import AugmentationStepSpec
from seg.terminal.progress import progress
from seg.train.augment import check_augmentation, check_copy_paste
from seg.train.batches.loaders import build_sampler, build_train_dataset, images_in_batch
from seg.train.batches.sampling import CropDraw
from seg.train.member.input_card import input_card_for
from seg.train.member.job import with_input_size_crop
from seg.train.mixing import mix_batch, mixing_method, mixing_seed
from seg.train.networks.pixel_scaling import pixel_scaling_of
from seg.train.networks.segmenter import Segmenter
from seg.train.splits.class_planes import label_map_of
from seg.train.splits.training_images import open_training_images

MIN_CROPS_CHECKED: Final = 200
"""How many crops are checked, if an epoch has as many; a few of them are drawn."""

_BLACK: Final = 10.0
_FLAT: Final = 4.0
_LEAST_WIDTH: Final = 300
_PAIRS_IN_A_ROW: Final = 2
_TITLES: Final = ("what the network sees", "with its labels")


@dataclass(frozen=True, slots=True)
class PreviewCrop:
    """A crop as the network sees it, de-normalised; `problem` is empty if there is none."""

    id: str
    image_hwc: ImageHWC
    labels_hw: LabelMap
    applied: tuple[str, ...]
    problem: str

    def warning(self) -> str:
        """One line: the image's id, the problem, and the applied transforms."""
        return f"{self.id}: {self.problem} after {', '.join(self.applied) or 'no transform'}"


def preview_crops(data: DatasetSpec, recipe: RecipeSpec, count: int) -> tuple[ImageHWC, list[PreviewCrop]]:
    """Draw `count` crops of the first epoch, suspicious ones first; also returns all suspicious crops.

    Raises:
        SpecError: an augmentation step cannot be used, or `copy_paste` finds no class.
        DataError: an image or its labels cannot be read, or there are no images.
    """
    recipe = with_input_size_crop(recipe)
    split = _split_to_preview(data)
    input_card = input_card_for(recipe, split.samples)
    check_augmentation(recipe, input_card)
    check_copy_paste(recipe, split.classes)
    background = _label_without_colour(data, split.classes)
    crops = _TrainingPipeline(split, recipe, input_card, background).crops(max(count, MIN_CROPS_CHECKED))
    suspicious = [crop for crop in crops if crop.problem]
    others = [crop for crop in crops if not crop.problem]
    drawn = [*suspicious[:count], *_evenly_spaced_crops(others, count - len(suspicious))]
    return _preview_sheet(drawn, split, background), suspicious


def whole_image_recipe(data: DatasetSpec) -> RecipeSpec:
    """A recipe without augmentation whose crop is the size of the first image; raises DataError."""
    height, width = size_of_sample(_split_to_preview(data).samples[0])
    return RecipeSpec(
        batch_size=2,
        crop=(height, width),
        scale=(1.0, 1.0),
        train_views="none",
        augmentation=(AugmentationStepSpec(name="none"),),
    )


def _split_to_preview(data: DatasetSpec) -> Split:
    split = open_split(data, "train")
    if not split.samples:
        raise DataError(f"{data.split('train').images[0]}: the training split has no images")
    return split


class _TrainingPipeline:
    """All steps from an image file to the network's input, as in the first epoch of training."""

    def __init__(
        self, split: Split, recipe: RecipeSpec, input_card: InputCard, background: int | None
    ) -> None:
        self._split = split
        self._background = background
        self._recipe = recipe
        self._images = open_training_images(recipe, split, scale=pixel_scaling_of(input_card))
        self._shown = _drawn_channels(split.samples[0], input_card)
        self._samples = build_train_dataset(recipe, self._images)
        self._segmenter = Segmenter(nn.Identity(), input_card)

    def crops(self, least: int) -> list[PreviewCrop]:
        """Whole batches of at least `least` crops, if there are so many; training drops incomplete ones."""
        draws = list(build_sampler(self._recipe, self._images, 0, self._background))
        size = images_in_batch(self._recipe, len(self._images))
        last = min(least, len(draws) - size + 1)
        batches = [draws[start : start + size] for start in range(0, last, size)]
        crops = []
        with progress("check crops", sum(map(len, batches)), unit="crops") as advance:
            for position, batch in enumerate(batches):
                crops += self._crops_of(batch, mixing_seed(self._recipe.seed, 0, position))
                advance(len(batch))
        return crops

    def _crops_of(self, draws: Sequence[CropDraw], seed: int) -> list[PreviewCrop]:
        samples, applied = zip(*map(self._samples.with_transform_names, draws), strict=True)
        images, labels = default_collate(list(samples))
        mixed = mix_batch(images, labels, self._recipe.mix, seed)
        way = mixing_method(self._recipe.mix, seed)
        labels_nhw, _ = max(mixed.targets, key=lambda target: target[1])
        seen_nchw = self._segmenter(mixed.images)
        return [
            self._crop(draw, seen_chw, self._label_map(labels_hw), (*names, *([way] if way else [])))
            for draw, seen_chw, labels_hw, names in zip(draws, seen_nchw, labels_nhw, applied, strict=True)
        ]

    def _label_map(self, target_hw: Tensor) -> LabelMap:
        overlaps = classes_overlap(self._split.task)
        return label_map_of(target_hw.numpy()) if overlaps else target_hw.numpy()

    def _crop(
        self, draw: CropDraw, seen_chw: Tensor, labels_hw: LabelMap, applied: tuple[str, ...]
    ) -> PreviewCrop:
        image_hwc = _denormalise_crop(self._segmenter, seen_chw, self._shown)
        known_hw = ~ignored_in(labels_hw, self._split.task, len(self._split.classes))
        problem = _problem_of_crop(seen_chw, image_hwc, known_hw)
        if problem:
            around_hwc, _ = self._images.read_drawn(draw.image, draw.centre)
            mean = around_hwc.mean() * (1 if self._images.has_colour else 255)
            problem += f" (the image's mean is {mean:.0f} of 255)"
        return PreviewCrop(self._split.samples[draw.image].id, image_hwc, labels_hw, applied, problem)


def _evenly_spaced_crops(crops: Sequence[PreviewCrop], count: int) -> list[PreviewCrop]:
    """Evenly spaced crops of the epoch."""
    places = np.linspace(0, len(crops) - 1, min(max(0, count), len(crops)))
    return [crops[int(place)] for place in places]


def _drawn_channels(sample: Sample, card: InputCard) -> list[int]:
    """The positions of the channels that are drawn as red, green and blue."""
    if card.pixel_range is None:
        return [0, 1, 2]
    seen = card.pixel_range.bands or tuple(range(1, card.bands + 1))
    wanted = sample.rgb or default_rgb(card.pixel_range, card.bands)
    return [seen.index(band) if band in seen else 0 for band in wanted]


def _denormalise_crop(segmenter: Segmenter, seen_chw: Tensor, shown: Sequence[int]) -> ImageHWC:
    seen_hwc = (seen_chw.permute(1, 2, 0) * segmenter.std + segmenter.mean)[..., list(shown)]
    if segmenter.card.pixel_range is not None:
        seen_hwc = seen_hwc * 255
    return np.asarray(seen_hwc.nan_to_num().round().clamp(0, 255).to(torch.uint8).numpy())


def _problem_of_crop(seen_chw: Tensor, image_hwc: ImageHWC, known_hw: NDArray[np.bool_]) -> str:
    """The problem of a crop: not finite, unlabelled, near-black or near-constant; empty if there is none."""
    if not bool(seen_chw.isfinite().all()):
        return "NaN or infinite"
    if not known_hw.any():
        return "without a labelled pixel"
    mean, deviation = float(image_hwc[known_hw].mean()), float(image_hwc[known_hw].std(0).mean())
    if mean < _BLACK:
        return f"near-black, mean {mean:.1f}"
    return f"near-constant, deviation {deviation:.1f}" if deviation < _FLAT else ""


def _preview_sheet(crops: Sequence[PreviewCrop], split: Split, clear: int | None) -> ImageHWC:
    cells = [cell for crop in crops for cell in _image_and_overlay(crop, split, clear)]
    columns = min(2 * _PAIRS_IN_A_ROW, len(cells))
    blank = np.full_like(cells[0], 255)
    cells += [blank] * (-len(cells) % columns)
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    sheet = draw_contact_sheet(rows, _TITLES * (columns // 2))
    return np.vstack([sheet, draw_legend(split.classes, sheet.shape[1])])


def _image_and_overlay(crop: PreviewCrop, split: Split, clear: int | None) -> tuple[ImageHWC, ImageHWC]:
    labelled = draw_overlay(crop.image_hwc, crop.labels_hw, split.classes, clear=clear, task=split.task)
    return (
        draw_caption(enlarge_picture(crop.image_hwc, _LEAST_WIDTH), f"{crop.id} {crop.problem}"),
        draw_caption(enlarge_picture(labelled, _LEAST_WIDTH), ", ".join(crop.applied)),
    )


def _label_without_colour(data: DatasetSpec, classes: Sequence[ClassInfo]) -> int | None:
    """The label of unlabelled pixels, if they are a class; it is drawn transparent."""
    return next((label for label, c in enumerate(classes) if c.name == data.unlabelled), None)
