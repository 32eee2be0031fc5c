"""The images of a split: found in folders, by patterns or lists, given ids, and chosen by a list."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seg.data.pairing.pattern import PathPattern, has_placeholders
from seg.data.splits.list_samples import choose_samples, images_to_list
from seg.data.splits.split import Sample, samples_with_ids
from seg.errors import DataError
from seg.spec.dataset.split import SplitSpec


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image, which of the split's `images` it is of, and the text of each placeholder.

    `stem` is the file name without ending and `folder` the image's folder below `images`, unless the pattern
    has placeholders of these names.
    """

    path: Path
    source: int
    captures: Mapping[str, str]


def find_images(spec: SplitSpec) -> list[FoundImage]:
    """All images of a split, before a list chooses among them.

    Raises:
        DataError: there is none, or a pattern matches a path in more than one way.
    """
    return [one for source, where in enumerate(spec.images) for one in _find_images_at(where, source)]


def samples_of_found_images(spec: SplitSpec, images: Sequence[FoundImage]) -> tuple[Sample, ...]:
    """Samples in the order of the images, with the ids that the spec gives them, and not yet chosen.

    Raises:
        DataError: two images have one id, or the id has a placeholder that `images` does not have.
    """
    folder = Path(os.path.commonpath([fixed_folder_of(where) for where in spec.images]))
    samples = samples_with_ids(folder, [image.path for image in images])
    if spec.id is None:
        return samples
    pattern = PathPattern(spec.id)
    renamed = [
        replace(sample, id=_id_of_found_image(pattern, image, spec))
        for sample, image in zip(samples, images, strict=True)
    ]
    first: dict[str, Path] = {}
    for sample in renamed:
        if (other := first.setdefault(sample.id, sample.image)) != sample.image:
            raise DataError(
                f"{sample.image}: has the id {sample.id!r}, as {other} has: give 'id' more placeholders"
            )
    return tuple(renamed)


def listed_samples(spec: SplitSpec) -> tuple[Sample, ...]:
    """The images of a split as samples, chosen by its list if it has one; raises DataError."""
    samples = samples_of_found_images(spec, find_images(spec))
    return choose_samples(samples, spec.list) if spec.list else samples


def _find_images_at(where: Path, source: int) -> list[FoundImage]:
    folder, paths = images_to_list(where)
    pattern = PathPattern(where.as_posix()) if has_placeholders(str(where)) else None
    found = []
    for path in paths:
        try:
            captures = pattern.match(path.as_posix()) if pattern else {}
        except ValueError as error:
            raise DataError(f"{where}: {error}") from error
        found.append(FoundImage(path, source, {**_usual_captures(path, folder), **(captures or {})}))
    return found


def _usual_captures(path: Path, folder: Path) -> dict[str, str]:
    inner = path.parent.relative_to(folder) if path.is_relative_to(folder) else Path()
    return {"stem": path.stem, "folder": inner.as_posix()}


def fixed_folder_of(where: Path) -> Path:
    """The folder that holds all images of a place."""
    return where if where.is_dir() else next(one for one in where.parents if not is_path_pattern(one))


def is_path_pattern(path: Path) -> bool:
    """Whether a path, or one of its folders, is no file or folder but has placeholders or wildcards."""
    return any(sign in str(path) for sign in "*?[{") and not path.exists()


def _id_of_found_image(pattern: PathPattern, image: FoundImage, spec: SplitSpec) -> str:
    try:
        return pattern.fill(image.captures)
    except KeyError as error:
        raise DataError(
            f"'id: {spec.id}' has the placeholder {{{error.args[0]}}}, which 'images' does not have: it has"
            f" {', '.join(f'{{{name}}}' for name in image.captures)}"
        ) from error
