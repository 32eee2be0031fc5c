"""Hashes of the content of images, which detect changes that keep the file names."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from seg.data.splits.split import Sample
from seg.errors import DataError
from seg.files.atomic import sha256_of


def hash_of_images(samples: Sequence[Sample]) -> str:
    """A hash of the content of the samples' images, in their order; it reads all of them.

    Raises:
        DataError: an image cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in dict.fromkeys(sample.image for sample in samples):
        digest.update(_blake2b_of_file(path))
    return digest.hexdigest()


def content_keys(samples: Sequence[Sample]) -> tuple[str, ...]:
    """The SHA-256 of each sample's file, and of its region, scale and slices if it has some."""
    files = dict.fromkeys(path for sample in samples for path in sample.stack or (sample.image,))
    whole = {path: sha256_of(path) for path in files}
    return tuple(_content_key(sample, whole) for sample in samples)


def _content_key(sample: Sample, whole: Mapping[Path, str]) -> str:
    if not sample.region and not sample.stack and not sample.scale:
        return whole[sample.image]
    parts = [whole[path] for path in sample.stack or (sample.image,)]
    parts += [str(sample.region)] if sample.region else []
    parts += [str(sample.scale)] if sample.scale else []
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _blake2b_of_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, hashlib.blake2b).digest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
