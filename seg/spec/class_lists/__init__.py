"""Class lists as datasets and annotation tools write them: ids, names and colours."""

from seg.spec.class_lists.presets import PRESETS
from seg.spec.class_lists.read import CLASS_LIST_NAMES, read_class_list

__all__ = ["CLASS_LIST_NAMES", "PRESETS", "read_class_list"]
