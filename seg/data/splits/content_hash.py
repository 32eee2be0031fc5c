"""A hash of the content of all images of a split, which detects changes that keep the file names."""

import hashlib
from collections.abc import Sequence

from seg.data.images.image_files import bytes_of
from seg.data.splits.split import Sample


def hash_of_images(samples: Sequence[Sample]) -> str:
    """A hash of the content of the samples' images, in their order; it reads all of them.

    Raises:
        DataError: an image cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for sample in samples:
        digest.update(hashlib.blake2b(bytes_of(sample.image)).digest())
    return digest.hexdigest()
