"""Check a dataset: every image and label is read, counted, and every problem reported."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from seg.data.check.coco import CocoCheck
from seg.data.check.findings import CheckedLabels, Finding, error_finding
from seg.data.check.folders import ImageCheck, MaskCheck, TableCheck
from seg.data.check.groups import shared_group_findings
from seg.data.check.learnability import PixelCounts, crop_findings, learnable_findings, too_few_findings
from seg.data.dataset import open_split, open_undivided_split
from seg.data.deep.picture import check_rgb, levels_in_range
from seg.data.images.decoding import BandsHWC
from seg.data.images.image_header import Size
from seg.data.images.images import read_image_with_alpha, without_alpha
from seg.data.images.pyramid import sizes_of_levels
from seg.data.images.raster import open_raster, size_if_large
from seg.data.images.read_sample import open_bands_to_tile
from seg.data.images.scaled_image import size_at_scale
from seg.data.labelling import Labelling, labelling_of
from seg.data.masks.mask_split import MaskSplit
from seg.data.splits.subset_split import SubsetSplit
from seg.data.tables.table_split import TableSplit
from seg.errors import DataError
from seg.image_type import ImageHWB
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.task import Task, classes_overlap
from seg.pixel_range import PixelRange
from seg.spec.dataset.dataset import DatasetSpec, SplitName
from seg.spec.dataset.split import BlocksSpec, ShareSpec, SplitSpec
from seg.spec.recipe.recipe import RecipeSpec
from seg.terminal.progress import progress
from seg.terminal.words import counted

_OPAQUE: Final = 255
_LEAST_CONTRAST: Final = 2.0


@dataclass(slots=True)
class SplitCounts:
    """The counts of one split: per class its objects (COCO only), images and pixels.

    `images_with_both` counts the images that show two classes, by their names in the order of the class list.
    """

    name: SplitName
    task: Task
    counts: PixelCounts = field(default_factory=lambda: PixelCounts(of=0))
    objects_of: Counter[str] = field(default_factory=Counter)
    images_with: Counter[str] = field(default_factory=Counter)
    images_with_both: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def images(self) -> int:
        return self.counts.of

    @property
    def pixels_of(self) -> Counter[str]:
        return self.counts.pixels

    @property
    def empty_images(self) -> float:
        """The share of images, 0..1, without a pixel of any class."""
        return self.counts.empty / max(1, self.counts.images)

    def empty_masks(self, classes: Sequence[str]) -> float:
        """The share of masks, 0..1, one for each of these classes in each image, without a pixel."""
        shown = sum(self.images_with[name] for name in classes)
        return 1 - shown / max(1, self.counts.images * len(classes))

    def share(self, class_name: str) -> float:
        """The part of all pixels, 0..1, that bear this class."""
        return self.pixels_of[class_name] / self.counts.total if self.counts.total else 0.0

    def count(self, check_labels: CheckedLabels, classes: Sequence[ClassInfo]) -> None:
        self.objects_of.update(check_labels.objects)
        if check_labels.labels is not None:
            shown = self.counts.add(check_labels.labels, self.task, classes).keys()
            self.images_with.update(shown)
            self.images_with_both.update(combinations([c.name for c in classes if c.name in shown], 2))


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The counts of all splits, and the findings."""

    task: Task
    classes: tuple[str, ...]
    splits: tuple[SplitCounts, ...]
    findings: tuple[Finding, ...]


class SplitCheck(Protocol):
    """A split to check: problems of an image or label become findings instead of exceptions."""

    images: list[Path]

    def findings(self) -> Iterator[Finding]:
        """Findings about the split as a whole."""
        ...

    def check_labels(self, index: int, size_hw: Size | None, /) -> CheckedLabels:
        """Check the labels of an image; `size_hw` is None if the image cannot be read."""
        ...


class SubsetCheck:
    """Checks a part of the images of another check."""

    def __init__(self, whole: SplitCheck, positions: Sequence[int]) -> None:
        self._whole = whole
        self._positions = positions
        self.images = [whole.images[position] for position in positions]

    def findings(self) -> Iterator[Finding]:
        return self._whole.findings()

    def check_labels(self, index: int, size_hw: Size | None, /) -> CheckedLabels:
        return self._whole.check_labels(self._positions[index], size_hw)


def check_dataset(dataset: DatasetSpec, recipes: Iterable[RecipeSpec] = ()) -> CheckReport:
    """Read every image and every label of a dataset, and report all problems.

    `recipes` are those to train on it; their crops are compared with the sizes of its images.
    """
    labelling = _readable_labelling(dataset)
    findings: list[Finding] = []
    reports: list[SplitCounts] = []
    seen: dict[SplitName, dict[Path, str]] = {}
    for name in _names_of_checked_splits(dataset):
        reports.append(SplitCounts(name, dataset.task))
        try:
            split = _open_split_check(dataset, name, labelling)
        except DataError as error:
            findings.append(_finding_of_open_failure(dataset.split(name), error))
        else:
            seen[name] = _check_images_of_split(split, labelling.classes, reports[-1], findings, dataset)
    findings += _without_classes(dataset, reports)
    findings += _duplicate_image_warnings(seen.get("train", {}), seen.get("val", {}))
    if seen.get("train") and seen.get("val"):
        findings += shared_group_findings(dataset, {finding.file for finding in findings})
    if dataset.train:
        counts = reports[0].counts
        findings += learnable_findings(dataset, labelling.classes, counts)
        recipes = tuple(recipes)
        findings += too_few_findings(dataset.train.place, counts.of, recipes)
        for recipe in recipes:
            findings += crop_findings(dataset.train.images[0], recipe, counts.largest_hw)
    return CheckReport(
        dataset.task,
        tuple(c.name for c in labelling.classes),
        tuple(reports),
        tuple(dict.fromkeys(findings)),
    )


def _without_classes(dataset: DatasetSpec, reports: Sequence[SplitCounts]) -> Iterator[Finding]:
    """A warning if no validation image shows a class: where classes overlap, that is no error when scored."""
    counts = next((report.counts for report in reports if report.name == "val"), None)
    if classes_overlap(dataset.task) and counts and counts.images and counts.empty == counts.images:
        problem = f"no pixel of {counted(counts.images, 'validation image')} is of any class"
        fix = "correct where their labels are, or label some"
        yield Finding("warning", dataset.split("val").place, None, problem, fix)


def _readable_labelling(dataset: DatasetSpec) -> Labelling:
    """The labelling of the training split or, if it cannot be read, of the validation split; else empty."""
    for candidate in (dataset, dataset.model_copy(update={"train": dataset.val})):
        with suppress(DataError):
            return labelling_of(candidate)
    return Labelling((), IGNORE_INDEX, dataset.task)


def _names_of_checked_splits(dataset: DatasetSpec) -> tuple[SplitName, ...]:
    """Those with files of their own; blocks held out are checked with the images to train on."""
    names: tuple[SplitName, ...] = ("train", "val", "predict")
    own = {name: getattr(dataset, name) for name in names}
    return tuple(name for name, split in own.items() if split and not isinstance(split, BlocksSpec))


def _open_split_check(dataset: DatasetSpec, name: SplitName, labelling: Labelling) -> SplitCheck:
    check = _open_undivided_check(dataset, name, labelling)
    if isinstance(dataset.val, ShareSpec) and name != "predict":
        part = open_split(dataset, name)
        return SubsetCheck(check, part.positions) if isinstance(part, SubsetSplit) else check
    return check


def _open_undivided_check(dataset: DatasetSpec, name: SplitName, labelling: Labelling) -> SplitCheck:
    spec, labelled = dataset.split(name), name != "predict"
    if spec.annotations:
        return CocoCheck(spec.annotations, spec.images[0], labelling, labelled=labelled)
    split = open_undivided_split(dataset, name)
    if isinstance(split, MaskSplit):
        return MaskCheck(split)
    if isinstance(split, TableSplit):
        return TableCheck(split)
    return ImageCheck(split, spec.images[0], labelled=labelled)


def _finding_of_open_failure(spec: SplitSpec, error: DataError) -> Finding:
    return error_finding(spec.place, error, "correct it, or name another in the dataset's YAML")


def _check_images_of_split(
    split: SplitCheck,
    classes: Sequence[ClassInfo],
    report: SplitCounts,
    findings: list[Finding],
    dataset: DatasetSpec,
) -> dict[Path, str]:
    """Check all images and labels of a split; returns a digest of each image's pixels."""
    digests: dict[Path, str] = {}
    report.counts.of = len(split.images)
    findings += split.findings()
    with progress(f"check {report.name}", len(split.images), unit="images") as advance:
        for index, path in enumerate(split.images):
            size_hw = None
            try:
                size_hw = _check_image_file(path, digests, findings, dataset)
                findings += _scale_error(path, size_hw, dataset)
            except DataError as error:
                findings.append(error_finding(path, error, "replace or remove the image"))
            check_labels = split.check_labels(index, size_hw)
            findings += check_labels.findings
            if size_hw is not None:
                findings += _label_size_error(path, size_hw, check_labels)
            try:
                report.count(check_labels, classes)
            except DataError as error:
                findings.append(error_finding(path, error, "correct or remove it"))
            advance(note=path.name)
    return digests


def _check_image_file(
    path: Path, digests: dict[Path, str], findings: list[Finding], dataset: DatasetSpec
) -> Size:
    """Check an image; returns its size. Of an image that is read by window, only the size is checked."""
    if dataset.pixel_range is not None:
        return _check_band_image(path, digests, findings, dataset, dataset.pixel_range)
    large_hw = size_if_large(path)
    if large_hw is not None:
        open_raster(path)  # Bands that would be lost are reported.
        return large_hw
    bands_hwc = read_image_with_alpha(path)
    findings += _transparency_warning(path, bands_hwc)
    digests[path] = _digest_of_pixels(without_alpha(bands_hwc))
    return bands_hwc.shape[0], bands_hwc.shape[1]


def _check_band_image(
    path: Path,
    digests: dict[Path, str],
    findings: list[Finding],
    dataset: DatasetSpec,
    pixel_range: PixelRange,
) -> Size:
    """Check an image of any bands, or a slice of a stack; of a large one, only its size."""
    raster = open_bands_to_tile(path, pixel_range)
    height, width, bands = raster.shape
    bands *= dataset.stack.slices if dataset.stack else 1
    try:
        pixel_range.seen_of(bands)
        check_rgb(dataset.rgb, bands)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    if isinstance(raster, np.ndarray):
        findings += _flat_image_warning(path, raster, pixel_range)
        digests[path] = _digest_of_pixels(raster)
    return height, width


def _flat_image_warning(path: Path, image_hwb: ImageHWB, pixel_range: PixelRange) -> Iterator[Finding]:
    """A warning if the image has no data, or the range leaves nothing to see."""
    if np.isnan(image_hwb).all():
        yield Finding("warning", path, None, "has no pixel with data", "remove it")
        return
    levels_hwb = levels_in_range(image_hwb, pixel_range)
    if levels_hwb.std(axis=(0, 1)).max() < _LEAST_CONTRAST:
        problem = (
            f"is nearly flat in this range: its values are {levels_hwb.min()}..{levels_hwb.max()} of 255"
        )
        yield Finding("warning", path, None, problem, "choose another 'range', 'percentile' or 'window'")


def _transparency_warning(path: Path, bands_hwc: BandsHWC) -> Iterator[Finding]:
    alpha_hw = bands_hwc[..., 3:]
    if alpha_hw.size and alpha_hw.min() < _OPAQUE:
        share = (alpha_hw < _OPAQUE).mean()
        problem = f"{share:.0%} of its pixels are transparent, and are read as if they were opaque"
        yield Finding("warning", path, None, problem, "check that it looks right without its alpha channel")


def _scale_error(path: Path, size_hw: Size, dataset: DatasetSpec) -> Iterator[Finding]:
    """An error if the image cannot be read at the dataset's resolution or level."""
    try:
        if dataset.read_scale:
            size_at_scale(path, dataset.read_scale, sizes_of_levels(path) or (size_hw,))
    except DataError as error:
        problem, _, fix = str(error).removeprefix(f"{path}: ").rpartition(": ")
        yield Finding("error", path, None, problem, fix)


def _label_size_error(path: Path, size_hw: Size, check_labels: CheckedLabels) -> Iterator[Finding]:
    if check_labels.size_hw is not None and check_labels.size_hw != size_hw:
        height, width = check_labels.size_hw
        problem = f"is {size_hw[1]}x{size_hw[0]}, its labels are {width}x{height}"
        fix = "resize one of them; check the EXIF orientation"
        yield Finding("error", path, None, problem, fix)


def _digest_of_pixels(image_hwc: ImageHWB) -> str:
    digest = hashlib.sha256(repr(image_hwc.shape).encode())
    digest.update(image_hwc.data)
    return digest.hexdigest()


def _duplicate_image_warnings(train: dict[Path, str], val: dict[Path, str]) -> Iterator[Finding]:
    path_of = {digest: path for path, digest in reversed(train.items())}
    for path, digest in val.items():
        if digest in path_of:
            same = path_of[digest]
            problem = (
                "is also in the training split"
                if path == same
                else f"is the same picture as {same} of the training split"
            )
            yield Finding("warning", path, None, problem, "remove it from one of the splits")
