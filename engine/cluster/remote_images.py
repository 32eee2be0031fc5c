"""Remote images: references to images at shared paths or URIs (`s3://`, `gs://`, `file://`), and reading."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from seg.data import Sample, open_split
from seg.data.images.images import decode_image
from seg.data.images.raster import Raster
from seg.data.images.read_sample import open_sample
from seg.data.splits.list_samples import LIST_SUFFIXES, first_column_of_list
from seg.data.splits.split import samples_with_ids
from seg.engine.image_source import ImageSource
from seg.errors import DataError
from seg.files.image_suffixes import PICTURE_SUFFIXES
from seg.pixel_range import PixelRange
from seg.read_scale import ReadScale
from seg.spec import EnsembleSpec

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

UNKNOWN_VERSION: Final = "not asked"
"""The version of an image in a list of URIs: finding it would take a request for each image."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A reference to an image: id, path or URI, the store's version, and number and path in the dataset.

    Files have no version. With `rows`, from the first to the one behind the last, it is a part of an image.
    """

    id: str
    place: str
    version: str = ""
    coco_id: int | None = None
    file_name: str = ""
    pixel_range: PixelRange | None = None
    stack: tuple[str, ...] = ()
    scale: ReadScale | None = None
    rows: tuple[int, int] | None = None

    @property
    def sample(self) -> Sample:
        """The image as a sample of a dataset."""
        return Sample(
            self.id,
            Path(self.place),
            self.coco_id,
            self.file_name,
            pixel_range=self.pixel_range,
            stack=tuple(map(Path, self.stack)),
            scale=self.scale,
        )

    def source(self) -> ImageSource:
        """Its file and the file's current version."""
        return (
            ImageSource(Path(self.place), version=self.version)
            if self.version
            else ImageSource.at(Path(self.place), tuple(map(Path, self.stack)))
        )


def is_uri(place: str) -> bool:
    return "://" in place


def images_to_predict(spec: EnsembleSpec, images: str | None = None) -> list[ImageRef]:
    """The images to predict: those below the URI `images`, by default those of the spec.

    A list (.txt, .csv) in the spec's data may have URIs.

    Raises:
        DataError: there are no images, or the store cannot be reached.
    """
    if spec.data.pixel_range and (images is not None or _uris_in(spec.data.to_predict.images[0])):
        raise DataError("images in a store are read with 8 bits: copy them here to read them in a range")
    if spec.data.read_scale and (images is not None or _uris_in(spec.data.to_predict.images[0])):
        raise DataError("images in a store are read as they are: copy them here to read them at a scale")
    if images is not None:
        return _with_coco_ids(spec, _images_below_uri(images))
    listed = _uris_in(spec.data.to_predict.images[0])
    if listed:
        samples = samples_with_ids(Path(), [Path(_uri_without_query(uri)) for uri in listed])
        return [
            ImageRef(one.id, uri, UNKNOWN_VERSION, file_name=one.file_name)
            for one, uri in zip(samples, listed, strict=True)
        ]
    return local_images(spec)


def local_images(spec: EnsembleSpec) -> list[ImageRef]:
    """The images of a spec with local paths; raises DataError."""
    samples = open_split(spec.data, "predict").samples
    return [
        ImageRef(
            one.id,
            str(one.image),
            coco_id=one.coco_id,
            file_name=one.file_name,
            pixel_range=one.pixel_range,
            stack=tuple(map(str, one.stack)),
            scale=one.scale,
        )
        for one in samples
    ]


def read_image_ref(image: ImageRef) -> Raster:
    """Read an image, whole or by window; raises DataError."""
    if not is_uri(image.place):
        return open_sample(image.sample)
    filesystem, path = _open_store(image.place)
    try:
        with filesystem.open_input_stream(path) as file:
            data: bytes = file.read()
    except OSError as error:
        raise DataError(f"{image.place}: cannot be read: {_store_error_line(error)}") from error
    if not data:
        raise DataError(f"{image.place}: is empty (0 bytes)")
    return decode_image(data, image.place)


def _uris_in(listing: Path) -> Sequence[str]:
    if listing.suffix.lower() not in LIST_SUFFIXES or not listing.is_file():
        return ()
    entries = first_column_of_list(listing)
    uris = [entry for entry in entries if is_uri(entry)]
    if uris and len(uris) < len(entries):
        other = next(entry for entry in entries if not is_uri(entry))
        raise DataError(f"{listing}: has URIs and paths, such as {other!r}: use only one of the two")
    return uris


def _images_below_uri(uri: str) -> list[ImageRef]:
    from pyarrow.fs import FileSelector

    filesystem, folder = _open_store(uri)
    try:
        entries = filesystem.get_file_info(FileSelector(folder, recursive=True))
    except OSError as error:
        raise DataError(f"{uri}: cannot be listed: {_store_error_line(error)}") from error
    found = {
        Path(entry.path): f"{entry.size} bytes of {entry.mtime_ns}"
        for entry in sorted(entries, key=lambda entry: Path(entry.path))
        if Path(entry.path).suffix.lower() in PICTURE_SUFFIXES and not entry.base_name.startswith(".")
    }
    if not found:
        raise DataError(f"{uri}: has no images ({', '.join(sorted(PICTURE_SUFFIXES))})")
    scheme, query = uri.partition("://")[0], uri[len(_uri_without_query(uri)) :]
    return [
        ImageRef(
            sample.id, f"{scheme}://{sample.image}{query}", found[sample.image], file_name=sample.file_name
        )
        for sample in samples_with_ids(Path(folder), list(found))
    ]


def _with_coco_ids(spec: EnsembleSpec, refs: Sequence[ImageRef]) -> list[ImageRef]:
    """Images with their numbers and paths in the spec's COCO JSON, if it has one."""
    if not spec.data.to_predict.annotations:
        return list(refs)
    known = {sample.id: sample for sample in open_split(spec.data, "predict").samples}
    return [
        replace(image, coco_id=known[image.id].coco_id, file_name=known[image.id].file_name)
        if image.id in known
        else image
        for image in refs
    ]


def _open_store(uri: str) -> "tuple[FileSystem, str]":
    """The file system of a URI, opened once for each bucket, and the path within it."""
    address = _uri_without_query(uri)
    scheme, _, path = address.partition("://")
    bucket, slash, rest = path.partition("/")
    filesystem, root = _filesystem_of_bucket(f"{scheme}://{bucket}{slash}{uri[len(address) :]}")
    return filesystem, f"{root.rstrip('/')}/{rest}"


def _uri_without_query(uri: str) -> str:
    """The URI without options of the store, such as `?endpoint_override=HOST`; files have none."""
    return uri if uri.startswith("file:") else uri.partition("?")[0]


@lru_cache(maxsize=16)
def _filesystem_of_bucket(root: str) -> "tuple[FileSystem, str]":
    from pyarrow import ArrowException
    from pyarrow.fs import FileSystem

    try:
        filesystem, path = FileSystem.from_uri(root)
    except (ArrowException, OSError) as error:
        raise DataError(f"{root}: cannot be opened: {_store_error_line(error)}") from error
    return filesystem, path


def _store_error_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
