"""Everything that is wrong with a dataset, found before a training run finds it."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from seg.classes import ClassInfo
from seg.data.check_coco import CocoCheck
from seg.data.check_folders import ImageCheck, MaskCheck
from seg.data.findings import Finding, Look, error_in
from seg.data.images import read_image
from seg.data.labelling import Labelling, labelling_of
from seg.data.masks import MaskSplit
from seg.data.open import open_split
from seg.errors import DataError
from seg.labels import IGNORE_INDEX, ImageHWC
from seg.progress import progress
from seg.spec.dataset import DatasetSpec, SplitName, SplitSpec

UNLABELLED: Final = "(ignored)"


@dataclass(slots=True)
class SplitReport:
    """One split: for each class its objects (COCO only), the images that show it, and its pixels."""

    name: SplitName
    images: int = 0
    objects_of: Counter[str] = field(default_factory=Counter)
    images_with: Counter[str] = field(default_factory=Counter)
    pixels_of: Counter[str] = field(default_factory=Counter)

    def share(self, class_name: str) -> float:
        """The part of all pixels, 0..1, that bear this class."""
        total = self.pixels_of.total()
        return self.pixels_of[class_name] / total if total else 0.0

    def count(self, look: Look, classes: Sequence[ClassInfo]) -> None:
        self.objects_of.update(look.objects)
        if look.labels_hw is None:
            return
        labels, counts = np.unique(look.labels_hw, return_counts=True)
        for label, count in zip(labels.tolist(), counts.tolist(), strict=True):
            name = UNLABELLED if label == IGNORE_INDEX else classes[label].name
            self.images_with[name] += 1
            self.pixels_of[name] += count


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was counted and what was found."""

    classes: tuple[str, ...]
    splits: tuple[SplitReport, ...]
    findings: tuple[Finding, ...]


class SplitCheck(Protocol):
    """A split that is looked at, not used: nothing that is wrong with an image or label raises."""

    images: list[Path]

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the split as a whole."""
        ...

    def look(self, index: int, /) -> Look: ...


def check_dataset(dataset: DatasetSpec) -> CheckReport:
    """Read every image and every label of a dataset, and go on after each finding."""
    labelling = _readable_labelling(dataset)
    findings: list[Finding] = []
    reports: list[SplitReport] = []
    seen: dict[SplitName, dict[str, Path]] = {}
    for name in _split_names(dataset):
        reports.append(SplitReport(name))
        try:
            split = _open(dataset, name, labelling)
        except DataError as error:
            findings.append(_unopened(getattr(dataset, name), error))
        else:
            seen[name] = _check_split(split, labelling.classes, reports[-1], findings)
    findings += _in_both(seen.get("train", {}), seen.get("val", {}))
    return CheckReport(tuple(c.name for c in labelling.classes), tuple(reports), tuple(findings))


def _readable_labelling(dataset: DatasetSpec) -> Labelling:
    """By the training split's categories or, if they are broken, the validation split's, or none."""
    for candidate in (dataset, dataset.model_copy(update={"train": dataset.val})):
        with suppress(DataError):
            return labelling_of(candidate)
    return Labelling((), IGNORE_INDEX)


def _split_names(dataset: DatasetSpec) -> tuple[SplitName, ...]:
    names: tuple[SplitName, ...] = ("train", "val", "predict")
    return tuple(name for name in names if getattr(dataset, name))


def _open(dataset: DatasetSpec, name: SplitName, labelling: Labelling) -> SplitCheck:
    spec: SplitSpec = getattr(dataset, name)
    labelled = name != "predict"
    if spec.annotations:
        return CocoCheck(spec.annotations, spec.images, labelling, labelled=labelled)
    split = open_split(dataset, name)
    if isinstance(split, MaskSplit):
        return MaskCheck(split)
    return ImageCheck(split, spec.images, labelled=labelled)


def _unopened(spec: SplitSpec, error: DataError) -> Finding:
    place = spec.annotations or spec.masks or spec.images
    return error_in(place, error, "mend it, or name another in the dataset's YAML")


def _check_split(
    split: SplitCheck, classes: Sequence[ClassInfo], report: SplitReport, findings: list[Finding]
) -> dict[str, Path]:
    """Count and look at everything; the images are returned by the digest of their pixels."""
    by_digest: dict[str, Path] = {}
    report.images = len(split.images)
    findings += split.findings()
    with progress(f"check {report.name}", len(split.images), unit="images") as advance:
        for index, path in enumerate(split.images):
            look = split.look(index)
            findings += look.findings
            report.count(look, classes)
            try:
                image_hwc = read_image(path)
            except DataError as error:
                findings.append(error_in(path, error, "replace or remove the image"))
            else:
                findings += _sizes(path, image_hwc, look)
                by_digest.setdefault(_digest(image_hwc), path)
            advance(note=path.name)
    return by_digest


def _sizes(path: Path, image_hwc: ImageHWC, look: Look) -> Iterator[Finding]:
    if look.size_hw is not None and look.size_hw != image_hwc.shape[:2]:
        height, width = look.size_hw
        problem = f"is {image_hwc.shape[1]}x{image_hwc.shape[0]}, its labels are {width}x{height}"
        fix = "bring both to one size; mind the EXIF orientation"
        yield Finding("error", path, None, problem, fix)


def _digest(image_hwc: ImageHWC) -> str:
    return hashlib.sha256(repr(image_hwc.shape).encode() + image_hwc.tobytes()).hexdigest()


def _in_both(train: dict[str, Path], val: dict[str, Path]) -> Iterator[Finding]:
    for digest, path in val.items():
        if digest in train:
            problem = f"is the same picture as {train[digest]} of the training split"
            yield Finding("warning", path, None, problem, "remove it from one of the splits")
