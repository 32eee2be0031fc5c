"""Check a dataset: every image and label is read, counted, and every problem reported."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Protocol

from seg.data.check.coco import CocoCheck
from seg.data.check.findings import CheckedLabels, Finding, error_finding
from seg.data.check.folders import ImageCheck, MaskCheck, TableCheck
from seg.data.check.groups import shared_group_findings
from seg.data.check.image_checks import check_image_file, label_size_error, scale_error
from seg.data.check.learnability import PixelCounts, crop_findings, learnable_findings, too_few_findings
from seg.data.dataset import open_split, open_undivided_split
from seg.data.images.image_header import Size
from seg.data.labelling import Labelling, labelling_of
from seg.data.masks.mask_split import MaskSplit
from seg.data.splits.subset_split import SubsetSplit
from seg.data.tables.table_split import TableSplit
from seg.errors import DataError
from seg.labels.classes import ClassInfo
from seg.labels.label_map import IGNORE_INDEX
from seg.labels.task import Task, classes_overlap
from seg.spec.dataset.dataset import DatasetSpec, SplitName
from seg.spec.dataset.held_out import HeldOutBlocksSpec, HeldOutImagesSpec
from seg.spec.dataset.split import SplitSpec
from seg.spec.recipe.recipe import RecipeSpec
from seg.terminal.progress import progress
from seg.terminal.words import pluralise


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
    findings += _no_class_warning(dataset, reports)
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


def _no_class_warning(dataset: DatasetSpec, reports: Sequence[SplitCounts]) -> Iterator[Finding]:
    """A warning if no validation image shows a class: where classes overlap, that is no error when scored."""
    counts = next((report.counts for report in reports if report.name == "val"), None)
    if classes_overlap(dataset.task) and counts and counts.images and counts.empty == counts.images:
        problem = f"no pixel of {pluralise(counts.images, 'validation image')} is of any class"
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
    return tuple(name for name, split in own.items() if split and not isinstance(split, HeldOutBlocksSpec))


def _open_split_check(dataset: DatasetSpec, name: SplitName, labelling: Labelling) -> SplitCheck:
    check = _open_undivided_check(dataset, name, labelling)
    if isinstance(dataset.val, HeldOutImagesSpec) and name != "predict":
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
                size_hw = check_image_file(path, digests, findings, dataset)
                findings += scale_error(path, size_hw, dataset)
            except DataError as error:
                findings.append(error_finding(path, error, "replace or remove the image"))
            check_labels = split.check_labels(index, size_hw)
            findings += check_labels.findings
            if size_hw is not None:
                findings += label_size_error(path, size_hw, check_labels)
            try:
                report.count(check_labels, classes)
            except DataError as error:
                findings.append(error_finding(path, error, "correct or remove it"))
            advance(note=path.name)
    return digests


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
