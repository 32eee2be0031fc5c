"""Importers: datasets of annotation tools and archives, written as COCO with a dataset YAML."""

from seg.data.importers.formats import FORMATS, Format, parse_import_format
from seg.data.importers.write import ImportReport, import_dataset

__all__ = ["FORMATS", "Format", "ImportReport", "import_dataset", "parse_import_format"]
