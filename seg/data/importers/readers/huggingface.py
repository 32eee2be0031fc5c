"""Hugging Face datasets: parquet files with images and index masks as encoded bytes; needs pyarrow.

Class names are those of `id2label.json` beside the files, or else the values; 255 is unlabelled.
Source: the page of Hugging Face on image datasets.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from seg.data.images.decoding import decode_index_map
from seg.data.importers import base
from seg.data.importers.base import Dropped, ImportedDataset, ImportedImage, ImportedObject
from seg.distribution import install_advice
from seg.errors import DataError, MissingRuntimeError
from seg.labels.label_map import IGNORE_INDEX

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

_IMAGES: Final = ("image", "img", "pixel_values")
_MASKS: Final = ("annotation", "label", "mask", "segmentation_mask", "labels", "annotations", "segmentation")
_ROWS_AT_ONCE: Final = 16
_MOST_PACKED: Final = 100
_LARGEST_PACKED: Final = 2**26
"""Bytes that a column may unpack to however well it is packed."""


def read_huggingface(source: Path, dropped: Dropped) -> ImportedDataset:
    """Read a parquet file, or a folder of them, with images and index masks as bytes.

    Counts in `dropped` what is not read.

    Raises:
        DataError: a file is missing or not of this format.
        MissingRuntimeError: pyarrow is not installed.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise MissingRuntimeError(f"Parquet needs pyarrow: {install_advice('parquet')}") from error
    folder = source if source.is_dir() else source.parent
    files = sorted(source.rglob("*.parquet")) if source.is_dir() else [source]
    if not files:
        raise DataError(f"{source}: has no parquet file")
    try:
        tables = {file.relative_to(folder): parquet.ParquetFile(file) for file in files}
    except (ArrowException, OSError) as error:
        raise DataError(f"{source}: is not parquet: {str(error).splitlines()[0]}") from error
    listing, value_of = folder / "id2label.json", {}
    if listing.is_file():
        with base.errors_of_format_named(listing, "Hugging Face"):
            value_of = {str(name): int(value) for value, name in base.read_annotation_json(listing).items()}
    return ImportedDataset(_huggingface_images(folder, tables, value_of, dropped), value_of, base.IGNORED)


def _huggingface_images(
    folder: Path, tables: Mapping[Path, "ParquetFile"], value_of: Mapping[str, int], dropped: Dropped
) -> Iterator[ImportedImage]:
    names = {value: name for name, value in value_of.items()}
    for file, table in tables.items():
        splits = [base.import_split_of(part) for part in file.parts]
        split = next((split for split in splits if split != "train"), splits[-1])
        image, mask = (
            _parquet_column(folder / file, table.schema_arrow.names, known) for known in (_IMAGES, _MASKS)
        )
        for number, row in enumerate(_parquet_rows(folder / file, table, [image, mask])):
            with base.errors_of_format_named(folder / file, "Hugging Face"):
                index_hw = decode_index_map(row[mask]["bytes"])
                content = row[image]["bytes"]
                suffix = ".png" if content.startswith(b"\x89PNG") else ".jpg"
            name = f"{file.with_suffix('').as_posix().replace('/', '-')}_{number:06}{suffix}"
            values = [value for value in np.unique(index_hw).tolist() if value != IGNORE_INDEX]
            objects = [ImportedObject(names.get(value, str(value)), index_hw == value) for value in values]
            dropped["row without a labelled pixel (kept as unlabelled)"] += not objects
            yield ImportedImage(Path(name), index_hw.shape, objects, split, content)


def _parquet_rows(file: Path, table: "ParquetFile", columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    from pyarrow import ArrowException

    _refuse_packed_parquet(file, table)
    try:
        for batch in table.iter_batches(_ROWS_AT_ONCE, columns=columns):
            yield from batch.to_pylist()
    except (ArrowException, OSError) as error:
        raise DataError(f"{file}: is damaged: {str(error).splitlines()[0]}") from error


def _refuse_packed_parquet(file: Path, table: "ParquetFile") -> None:
    """Raise DataError for columns that unpack to far more than they are packed in, as no images do."""
    for number in range(table.metadata.num_row_groups):
        group = table.metadata.row_group(number)
        for column in map(group.column, range(group.num_columns)):
            packed, unpacked = column.total_compressed_size, column.total_uncompressed_size
            if unpacked > max(_LARGEST_PACKED, _MOST_PACKED * packed):
                raise DataError(
                    f"{file}: its {column.path_in_schema[:40]!r} unpacks from {packed} to {unpacked} bytes,"
                    " as no images do: write it again"
                )


def _parquet_column(file: Path, columns: Sequence[str], known: Sequence[str]) -> str:
    if not (found := [name for name in known if name in columns]):
        raise DataError(f"{file}: has the columns {', '.join(columns)}, but none of {', '.join(known)}")
    return found[0]
