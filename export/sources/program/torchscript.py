"""A TorchScript program as a source; it is exported by way of torch.export, which traced programs allow."""

import contextlib
import io
import logging
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from seg.errors import ModelError
from seg.export.sources.module_source import SingleOutput, open_module
from seg.export.sources.program.archive import check_torchscript_archive
from seg.export.sources.torch_source import TorchSource, torch_error_line
from seg.files.atomic import sha256_of
from seg.spec import MemberSpec


def open_torchscript(path: Path, member: MemberSpec) -> TorchSource:
    """Load a TorchScript archive, after its code was checked.

    Raises:
        ModelError: it is damaged or unsafe, or returns nothing that is a network's output.
    """
    check_torchscript_archive(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.jit.load(path, map_location="cpu").eval()  # type: ignore[no-untyped-call]
    except Exception as error:  # damaged archives raise all kinds of exceptions
        raise ModelError(
            f"{path}: PyTorch cannot load it: {torch_error_line(error)}: copy it again"
        ) from error
    source = open_module(program, path, "TorchScript", sha256_of(path), member)
    return replace(
        source, architecture="TorchScript", for_export=partial(_torchscript_as_operators, program, path)
    )


def _torchscript_as_operators(program: torch.jit.ScriptModule, path: Path, example: Tensor) -> nn.Module:
    """The program as a module that torch.export takes; raises ModelError if it branches or loops."""
    from torch._export.converter import TS2EPConverter

    logging.getLogger("torch._export.converter").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            return SingleOutput(TS2EPConverter(program, (example,)).convert().module())
    except Exception as error:  # the converter raises all kinds of exceptions
        raise ModelError(
            f"{path}: cannot be converted ({torch_error_line(error)}): save it with torch.jit.trace, or"
            " export it with torch.onnx and name that file with 'onnx'"
        ) from error
