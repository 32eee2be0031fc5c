"""An ONNX file that was exported elsewhere, as a source of a member."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from seg.card import ENSEMBLE_KEY, ModelCard
from seg.errors import ModelError
from seg.export.onnx_file.opset import opset_of
from seg.export.onnx_file.save import save_model
from seg.export.sources.declaration import Declaration, SourceFacts
from seg.export.sources.free_batch import free_batch
from seg.export.sources.onnx_facts import (
    facts_of_input,
    is_ultralytics,
    kind_of_output,
    layout_of_output,
    names_in_metadata,
    shape_of,
    the_input,
    the_output,
)
from seg.export.sources.source import RawNetwork
from seg.export.sources.wrap import wrap
from seg.files import sha256_of
from seg.model_safety import load_graph
from seg.spec.imported import ImportedInput, ImportedOutput

_TRIED_SIDE: Final = 256
_ERRORS_ONLY: Final = 3
_ULTRALYTICS: Final[Mapping[str, Any]] = {"channels": "rgb", "scale": 1 / 255}


@dataclass(frozen=True, slots=True)
class OnnxSource:
    """See `seg.export.sources.source.Source`."""

    path: Path
    sha256: str
    facts: SourceFacts
    session: onnxruntime.InferenceSession
    kind: str = "onnx"
    architecture: str = "onnx"
    encoder: str = ""
    half: None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def open(cls, path: Path, fed: ImportedInput, returned: ImportedOutput) -> Self:
        """Read what a file says, and try it on an empty image.

        Args:
            path: the ONNX file.
            fed: what is declared of its input, which decides where the file is not clear.
            returned: likewise of its output.

        Raises:
            ModelError: the file is damaged, unsafe or exported by seg, ONNX Runtime cannot run it, or it does
                not say what it must and nothing is declared.
        """
        model = load_graph(path)
        if any(entry.key.startswith("seg.") for entry in model.metadata_props):
            is_fused = any(entry.key == ENSEMBLE_KEY for entry in model.metadata_props)
            fix = "name its members" if is_fused else "name it with 'model' in place of 'onnx'"
            raise ModelError(f"{path}: was exported by seg: {fix}")
        source, output = the_input(path, model), the_output(path, model, returned.name)
        facts = facts_of_input(path, source, fed.layout)
        session = _open_session(path)
        size_hw = _tried_size(path, shape_of(source), facts, fed)
        shape = _tried_shape(path, session, facts, shape_of(source)[0], size_hw, output.name)
        layout, channels = layout_of_output(path, shape, size_hw, returned.layout)
        kind = kind_of_output(model, output)
        names = names_in_metadata(model)
        is_labels = (returned.kind or kind) == "labels"
        if is_labels and channels != 1:
            raise ModelError(f"{path}: returns {channels} channels, which 'output.kind: labels' has not")
        return cls(
            path,
            sha256_of(path),
            SourceFacts(
                **facts,
                **(_ULTRALYTICS if is_ultralytics(model) else {}),
                kind=kind,
                count=None if is_labels else channels,
                names=names,
                output_name=output.name,
                output_layout=layout,
            ),
            session,
        )

    def network(self, output_name: str | None) -> RawNetwork:
        """The bare network in ONNX Runtime, with the output of that name."""
        source = self.session.get_inputs()[0]
        fixed = source.shape[0] if isinstance(source.shape[0], int) else 1

        def run(batch: NDArray[Any]) -> NDArray[Any]:
            whole = np.repeat(batch, fixed, axis=0) if len(batch) == 1 else batch
            try:
                return np.asarray(self.session.run([output_name], {source.name: whole})[0])
            except Exception as error:  # its exceptions have no common base of their own
                raise ModelError(f"{self.path}: ONNX Runtime cannot run it: {_first_line(error)}") from error

        return run

    def write(self, declaration: Declaration, card: ModelCard, path: Path, opset: int | None) -> ModelCard:
        """Put the graph of what is declared around the network, and write that to `path`."""
        model = onnx.load(self.path)
        source = the_input(self.path, model)
        batch = shape_of(source)[0]
        if batch is not None:
            free_batch(model, source, batch)
        wrapped = wrap(model, declaration, self.path, opset)
        return save_model(wrapped, card.model_copy(update={"opset": opset_of(wrapped)}), path)


def _tried_size(
    path: Path, shape: tuple[int | None, ...], facts: Mapping[str, Any], fed: ImportedInput
) -> tuple[int, int]:
    """The size that the network is tried at: its own, or the declared one; ModelError if they differ."""
    fixed, declared = facts["size_hw"], fed.size
    if fixed and declared and fixed != declared:
        raise ModelError(
            f"{path}: takes images of {fixed[0]}x{fixed[1]}, and 'input.size' is {declared[0]}x{declared[1]}:"
            " remove it"
        )
    if fixed and fed.mode == "pad" and "mode" in fed.model_fields_set:
        raise ModelError(
            f"{path}: takes images of {fixed[0]}x{fixed[1]} only, which mode pad does not give: name resize"
            " or tile"
        )
    return fixed or declared or (_TRIED_SIDE, _TRIED_SIDE * 2)


def _tried_shape(
    path: Path,
    session: onnxruntime.InferenceSession,
    facts: Mapping[str, Any],
    batch: int | None,
    size_hw: tuple[int, int],
    output_name: str,
) -> tuple[int, ...]:
    """The shape of the output for an empty image of that size."""
    channels = facts["input_channels"]
    sides = (channels, *size_hw) if facts["input_layout"] == "nchw" else (*size_hw, channels)
    empty = np.zeros((batch or 1, *sides), dtype=facts["dtype"])
    try:
        output = session.run([output_name], {session.get_inputs()[0].name: empty})[0]
    except Exception as error:
        raise ModelError(
            f"{path}: ONNX Runtime cannot run it on an image of {size_hw[0]}x{size_hw[1]}:"
            f" {_first_line(error)}: name its size with 'input: {{ size: ... }}'"
        ) from error
    return tuple(np.shape(output))


def _open_session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path}: ONNX Runtime cannot load it: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
