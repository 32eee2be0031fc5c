"""An ONNX file that was exported elsewhere, as a source of a member."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from seg.errors import ModelError
from seg.export.onnx_file.opset import opset_of
from seg.export.onnx_file.save import save_onnx_model
from seg.export.sources.declaration import Declaration, SourceFacts
from seg.export.sources.graph.wrap import wrap_network
from seg.export.sources.onnx_source.facts import (
    facts_of_input,
    is_ultralytics,
    kind_of_output,
    layout_of_output,
    names_in_metadata,
    only_input_of,
    only_output_of,
    precision_of,
    stated_shape_of,
    sums_to_one,
)
from seg.export.sources.onnx_source.free_batch import free_batch_axis
from seg.export.sources.resolve import USUAL_STRIDE
from seg.export.sources.source import RawNetwork
from seg.export.sources.source_files import sha256_of_files
from seg.models.card import ENSEMBLE_KEY, ModelCard
from seg.models.safety import external_weights_beside, load_safe_onnx
from seg.spec.ensemble.imported import ImportedInput, ImportedOutput
from seg.terminal.words import pluralise

_TRIED_STRIDES: Final = (USUAL_STRIDE, 2 * USUAL_STRIDE, 4 * USUAL_STRIDE)
_TRIED_SIDES: Final = (5, 7)
"""In strides: odd, so that a network that needs a larger one cannot be run."""

_FATAL_ONLY: Final = 4
_LONGEST_REASON: Final = 200
_ULTRALYTICS: Final[Mapping[str, Any]] = {"channels": "rgb", "scale": 1 / 255}


@dataclass(frozen=True, slots=True)
class OnnxSource:
    """See `seg.export.sources.source.Source`."""

    path: Path
    sha256: str
    facts: SourceFacts
    session: onnxruntime.InferenceSession
    output_axes: int
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
        if not path.exists():
            raise ModelError(f"{path}: there is no such file: correct 'onnx'")
        model = load_safe_onnx(path)
        if any(entry.key.startswith("seg.") for entry in model.metadata_props):
            is_fused = any(entry.key == ENSEMBLE_KEY for entry in model.metadata_props)
            fix = "name its members" if is_fused else "name it with 'model' in place of 'onnx'"
            raise ModelError(f"{path}: was exported by seg: {fix}")
        source, output = only_input_of(path, model), only_output_of(path, model, returned.name)
        facts = facts_of_input(path, source, fed.layout)
        session = _open_source_session(path)
        sizes = _sizes_to_try_source_at(path, facts["size_hw"], fed)
        trial = _OnnxTrial(path, session, facts, stated_shape_of(source)[0], output.name)
        stride, size_hw, returned_for_empty = trial.first_that_runs(sizes)
        shape = returned_for_empty.shape
        layout, channels = layout_of_output(path, shape, size_hw, returned.layout)
        kind = kind_of_output(model, output)
        if kind == "probabilities" and not sums_to_one(returned_for_empty, 3 if layout == "nhwc" else 1):
            kind = None  # A softmax over something else, or one of whose classes some were cut away.
        names = names_in_metadata(model)
        is_labels = (returned.kind or kind) == "labels"
        if is_labels and channels != 1:
            raise ModelError(
                f"{path}: returns {channels} channels, and labels have one: correct 'output.kind'"
            )
        return cls(
            path,
            sha256_of_files(path, *(path.parent / name for name in sorted(external_weights_beside(model)))),
            SourceFacts(
                **facts,
                **(_ULTRALYTICS if is_ultralytics(model) else {}),
                kind=kind,
                stride=stride,
                count=None if is_labels else channels,
                names=names,
                output_name=output.name,
                output_layout=layout,
            ),
            session,
            len(shape),
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
                raise ModelError(
                    f"{self.path}: ONNX Runtime cannot run it: {_short_reason(error)}"
                ) from error

        return run

    def write(self, declaration: Declaration, card: ModelCard, path: Path, opset: int | None) -> ModelCard:
        """Put the graph of what is declared around the network, and write that to `path`."""
        model = onnx.load(self.path)
        source = only_input_of(self.path, model)
        batch = stated_shape_of(source)[0]
        if batch is not None:
            free_batch_axis(model, source, batch)
        wrapped = wrap_network(model, declaration, self.path, opset, has_channel_axis=self.output_axes == 4)
        written = {"opset": opset_of(wrapped), "precision": precision_of(model)}
        return save_onnx_model(wrapped, card.model_copy(update=written), path)


def _sizes_to_try_source_at(
    path: Path, fixed: tuple[int, int] | None, fed: ImportedInput
) -> dict[tuple[int, int], int | None]:
    """Sizes that the network may run at, each with the stride that it would tell of, if any.

    Raises:
        ModelError: the declared size or mode is not that of the network.
    """
    if fixed and fed.size not in (None, fixed):
        raise ModelError(
            f"{path}: takes images of {fixed[0]}x{fixed[1]}, and 'input.size' is another: remove it"
        )
    if fixed and fed.mode == "pad" and fed.is_said("mode"):
        raise ModelError(
            f"{path}: takes images of {fixed[0]}x{fixed[1]} only, which mode pad does not give: name resize"
            " or tile"
        )
    size_hw = fixed or fed.size
    if size_hw:
        return {size_hw: None}
    if fed.stride:
        return {_odd_multiple(fed.stride): None}
    return {_odd_multiple(stride): stride if stride != USUAL_STRIDE else None for stride in _TRIED_STRIDES}


def _odd_multiple(stride: int) -> tuple[int, int]:
    height, width = _TRIED_SIDES
    return (height * stride, width * stride)


@dataclass(frozen=True, slots=True)
class _OnnxTrial:
    """A network that is run on empty images; `batch` is how many it takes, None if any number."""

    path: Path
    session: onnxruntime.InferenceSession
    facts: Mapping[str, Any]
    batch: int | None
    output_name: str

    def first_that_runs(
        self, sizes: Mapping[tuple[int, int], int | None]
    ) -> tuple[int | None, tuple[int, int], NDArray[Any]]:
        """The stride and size that the network first runs at, and what it returns then.

        Raises:
            ModelError: it runs at none of the sizes, or returns another number of images than it is given.
        """
        reason = ""
        for size_hw in sizes:
            try:
                output = self._output_for_empty(size_hw)
                break
            except Exception as error:  # the exceptions of ONNX Runtime have no common base of their own
                reason = reason or f"on an image of {size_hw[0]}x{size_hw[1]}: {_short_reason(error)}"
        else:
            raise ModelError(
                f"{self.path}: ONNX Runtime cannot run it {reason}: correct 'input.size' or 'input.stride'"
            )
        images = self.batch or 1
        if output.shape[:1] != (images,):
            raise ModelError(
                f"{self.path}: returns {list(output.shape)} for {pluralise(images, 'image')}: export it again"
                " with their number as its first axis"
            )
        return sizes[size_hw], size_hw, output

    def _output_for_empty(self, size_hw: tuple[int, int]) -> NDArray[Any]:
        channels = self.facts["input_channels"]
        sides = (channels, *size_hw) if self.facts["input_layout"] == "nchw" else (*size_hw, channels)
        empty = np.zeros((self.batch or 1, *sides), dtype=self.facts["dtype"])
        return np.asarray(self.session.run([self.output_name], {self.session.get_inputs()[0].name: empty})[0])


def _open_source_session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL_ONLY
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{path}: ONNX Runtime cannot load it: {_short_reason(error)}") from error


def _short_reason(error: Exception) -> str:
    return str(error).splitlines()[0][:_LONGEST_REASON]
