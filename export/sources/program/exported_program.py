"""A program of torch.export as a source, loaded from a checked copy of its archive."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from seg.errors import ModelError
from seg.export.sources.module_source import SingleOutput, open_module
from seg.export.sources.program.checked_program import checked_copy_of_program
from seg.export.sources.torch_source import TorchSource, torch_error_line
from seg.files.atomic import sha256_of
from seg.spec import MemberSpec

_IMAGE_AXES = 4


def open_exported_program(path: Path, member: MemberSpec) -> TorchSource:
    """Load what torch.export.save wrote, without running anything that it holds.

    A size that the program fixes is taken as that of its images; the number of images is freed.

    Raises:
        ModelError: it is damaged or may run code, or is no network from one image to one output.
    """
    copy = checked_copy_of_program(path)
    try:
        with _without_torch_warnings():
            program = torch.export.load(copy)
            module = _without_program_guards(program.module(check_guards=False))
    except Exception as error:  # a damaged or hostile program raises anything
        raise ModelError(
            f"{path}: PyTorch {torch.__version__} cannot load it: {torch_error_line(error)}: save it again"
        ) from error
    size_hw = _fixed_size_of_program(path, program)
    if size_hw and not member.input.size:
        member = member.model_copy(update={"input": member.input.model_copy(update={"size": size_hw})})
    source = open_module(module, path, "torch.export program", sha256_of(path), member)
    return replace(
        source,
        architecture="torch.export program",
        facts=replace(source.facts, size_hw=size_hw),
        has_free_size=size_hw is None,
        for_export=lambda _example: SingleOutput(module),
    )


def _without_program_guards(module: nn.Module) -> nn.Module:
    """Without the check of sizes, and with `train` and `eval`, which such modules refuse."""
    module._forward_pre_hooks.clear()
    for name in ("train", "eval"):
        vars(module).pop(name, None)
    return module


def _fixed_size_of_program(path: Path, program: torch.export.ExportedProgram) -> tuple[int, int] | None:
    """Height and width of the program's images, if they are fixed."""
    (name,) = program.graph_signature.user_inputs
    image = next(node.meta["val"] for node in program.graph.nodes if node.name == name)
    if not isinstance(image, Tensor) or image.ndim != _IMAGE_AXES or image.dtype != torch.float32:
        raise ModelError(
            f"{path}: takes no images of float32, [N, C, H, W]: export one that does with torch.onnx.export,"
            " and name that file with 'onnx'"
        )
    _, *axes = image.shape
    sides = axes[1:] if axes[0] in (1, 3) else axes[:2]
    height, width = (side if isinstance(side, int) else None for side in sides)
    return None if height is None or width is None else (height, width)


@contextmanager
def _without_torch_warnings() -> Iterator[None]:
    """Without PyTorch's warnings, and the traceback that it logs of a program that it cannot load."""
    logger = logging.getLogger("torch.export")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
