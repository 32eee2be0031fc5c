"""Everything that is wrong with a dataset, found before a training run finds it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from seg.data.check_coco import coco_findings
from seg.data.findings import Finding
from seg.data.images import read_image
from seg.data.open import SplitName, dataset_classes, open_split
from seg.data.split import Split
from seg.errors import DataError
from seg.files import sha256_of
from seg.labels import IGNORE_INDEX
from seg.progress import progress
from seg.spec.dataset import DatasetSpec, SplitSpec

UNLABELLED: Literal["(ignored)"] = "(ignored)"


@dataclass(slots=True)
class SplitReport:
    """One split: how many images show a class, and how many of all pixels are of it."""

    name: str
    images: int = 0
    images_with: Counter[str] = field(default_factory=Counter)
    pixels_of: Counter[str] = field(default_factory=Counter)

    def share(self, class_name: str) -> float:
        """The part of all pixels, 0..1, that bear this class."""
        total = self.pixels_of.total()
        return self.pixels_of[class_name] / total if total else 0.0


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was counted and what was found."""

    classes: tuple[str, ...]
    splits: tuple[SplitReport, ...]
    findings: tuple[Finding, ...]


def check_dataset(dataset: DatasetSpec) -> CheckReport:
    """Read every image and every label of a dataset, and go on after each finding.

    Raises:
        DataError: the classes themselves cannot be read.
    """
    classes = tuple(c.name for c in dataset_classes(dataset))
    findings: list[Finding] = []
    splits = [report for name in _split_names(dataset) for report in _check_split(dataset, name, findings)]
    findings += _seen_in_both(dataset)
    return CheckReport(classes, tuple(splits), tuple(findings))


def _split_names(dataset: DatasetSpec) -> tuple[SplitName, ...]:
    return ("train", "val") if dataset.predict is None else ("train", "val", "predict")


def _check_split(dataset: DatasetSpec, name: SplitName, findings: list[Finding]) -> Iterator[SplitReport]:
    spec: SplitSpec = getattr(dataset, name)
    if spec.annotations is not None:
        try:
            findings += coco_findings(spec.annotations, [c.name for c in dataset_classes(dataset)])
        except DataError as error:
            findings.append(Finding(str(spec.annotations), None, str(error), "mend the file"))
            return
    try:
        split = open_split(dataset, name)
    except DataError as error:
        findings.append(Finding(str(spec.images), None, str(error), "mend the dataset's YAML or files"))
        return
    yield _count(split, name, spec.labelled, findings)


def _count(split: Split, name: str, labelled: bool, findings: list[Finding]) -> SplitReport:
    report = SplitReport(name, images=len(split.samples))
    with progress(f"check {name}", len(split.samples), unit="images") as advance:
        for index, sample in enumerate(split.samples):
            findings += _check_sample(split, index, report, labelled)
            advance(note=sample.id)
    return report


def _check_sample(split: Split, index: int, report: SplitReport, labelled: bool) -> Iterator[Finding]:
    path = split.samples[index].image
    try:
        size_hw = read_image(path).shape[:2]
    except DataError as error:
        yield Finding(str(path), None, str(error).removeprefix(f"{path}: "), "replace or remove the image")
        return
    if not labelled:
        return
    try:
        labels_hw = split.labels(index)
    except DataError as error:
        yield Finding(str(path), None, str(error), "mend or remove the labels")
        return
    if labels_hw.shape != size_hw:
        problem = f"the image is {size_hw}, its labels are {labels_hw.shape} (height, width)"
        yield Finding(str(path), None, problem, "bring both to one size; mind the EXIF orientation")
    labels, counts = np.unique(labels_hw, return_counts=True)
    for label, count in zip(labels.tolist(), counts.tolist(), strict=True):
        name = UNLABELLED if label == IGNORE_INDEX else split.classes[label].name
        report.images_with[name] += 1
        report.pixels_of[name] += count


def _seen_in_both(dataset: DatasetSpec) -> Iterator[Finding]:
    """Images of the training split whose very bytes are in the validation split too."""
    try:
        splits = [open_split(dataset, "train"), open_split(dataset, "val")]
    except DataError:
        return
    train = {digest: path for path, digest in _hashed(splits[0])}
    for path, digest in _hashed(splits[1]):
        if digest in train:
            problem = f"is the same image as {train[digest]} of the training split"
            yield Finding(str(path), None, problem, "remove it from one of the splits")


def _hashed(split: Split) -> Sequence[tuple[Path, str]]:
    return [(s.image, sha256_of(s.image)) for s in split.samples if s.image.is_file()]
