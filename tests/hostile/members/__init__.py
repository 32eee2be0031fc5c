"""Members that were trained elsewhere: broken or absurd files and folders, wrong declarations."""

from collections.abc import Iterator

from tests.hostile.case import Case
from tests.hostile.members import declarations, onnx_files, pretrained_folders, torch_files


def cases() -> Iterator[Case]:
    for theme in (declarations, onnx_files, torch_files, pretrained_folders):
        yield from theme.cases()
