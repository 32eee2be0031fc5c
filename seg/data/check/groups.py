"""Check that no group of images is in both the training and the validation split."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

from seg.data.check.findings import Finding, error_finding
from seg.data.dataset import open_split
from seg.data.groups import group_images
from seg.errors import DataError, SpecError
from seg.spec.dataset.dataset import DatasetSpec
from seg.terminal.words import pluralise


def shared_group_findings(dataset: DatasetSpec, known: Collection[Path] = ()) -> Iterator[Finding]:
    """A warning for each group that training and validation share: scores of it are too high.

    `known` are images that have a finding already.
    """
    try:
        train, val = (open_split(dataset, name).samples for name in ("train", "val"))
        groups = group_images((*train, *val), dataset.group)
    except DataError:
        # The file has a finding of its own already.
        return
    except SpecError as error:
        yield error_finding(dataset.split("val").place, error, "correct 'group' of the dataset")
        return
    trained_on = set(groups.labels[: len(train)])
    shared: dict[str, list[Path]] = defaultdict(list)
    for sample, group in zip(val, groups.labels[len(train) :], strict=True):
        if group in trained_on and sample.image not in known:
            shared[group].append(sample.image)
    for group, images in shared.items():
        others = len(images) - 1
        which = f"and {pluralise(others, 'other')} of the validation split are" if others else "is"
        problem = f"{which} of group {group!r} ({groups.source}), as images of the training split are"
        yield Finding("warning", images[0], None, problem, "scores are too high: validate on other groups")
