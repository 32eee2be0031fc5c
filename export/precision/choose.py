"""Precisions tried on the runtimes of this machine; the fastest that passes becomes the model."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import onnx

from seg.data import Split
from seg.errors import MissingRuntimeError, ModelError, VerificationError
from seg.export.onnx_file.opset import opset_of
from seg.export.onnx_file.save import save_onnx_model
from seg.export.precision.calibration import images_to_calibrate_int8
from seg.export.precision.measure import (
    Fp32Reference,
    OpenModel,
    PrecisionGate,
    Predict,
    measure_precision,
    take_fp32_reference,
)
from seg.export.precision.sensitive import quantise_within_gate
from seg.image_type import ImageHWB
from seg.labels.task import Task
from seg.models.card import ModelCard, PrecisionCandidateCard, PrecisionCard, PrecisionName
from seg.spec import ExportSpec
from seg.terminal.progress import progress

REFERENCE: Final = "cpu"
BF16_RUNTIME: Final = "openvino-bf16"


@dataclass(frozen=True, slots=True)
class PrecisionTrial:
    """What is wished for, the images to judge it on, and the runtimes that this machine has."""

    request: ExportSpec
    train: Split
    val: Split
    runtimes: Sequence[str]
    open_model: OpenModel
    task: Task = "multiclass"

    @property
    def gate(self) -> PrecisionGate:
        return PrecisionGate(self.request.least_agreement, self.request.largest_loss)

    @property
    def precisions(self) -> tuple[PrecisionName, ...]:
        """fp32 is always measured, for comparison; bf16 where there is a runtime that has it."""
        if self.request.precision != "auto":
            return ("fp32", self.request.precision) if self.request.precision != "fp32" else ("fp32",)
        return ("fp32", "bf16", "fp16", "int8") if BF16_RUNTIME in self.runtimes else ("fp32", "fp16", "int8")


@dataclass(frozen=True, slots=True)
class _CandidateFile:
    path: Path
    precision: PrecisionName
    runtimes: Sequence[str]
    float_layers: tuple[str, ...] = ()


WriteHalf = Callable[[ModelCard, Path], object]
"""Writes the model with its network in float16."""


def choose_precision(
    path: Path, write_half: WriteHalf | None, card: ModelCard, trial: PrecisionTrial
) -> ModelCard:
    """Put the best of the precisions that are wished for in the place of the verified fp32 model at `path`.

    Args:
        path: the verified model.
        write_half: None where the network cannot be had in float16.
        card: the model's.
        trial: what is wished for, and what it is tried on.

    Returns:
        The card that lies in it, with all that was measured.

    Raises:
        MissingRuntimeError: bf16 is wished for and nothing here runs it.
        ModelError: the model is too large for anything but fp32, or cannot be had in float16.
        VerificationError: nothing that was wished for passes.
    """
    _refuse_impossible_precision(card, trial, write_half)
    reference = take_fp32_reference(
        trial.open_model(path, REFERENCE), trial.val, card.input.stride, trial.task
    )
    with tempfile.TemporaryDirectory(prefix=".precision-", dir=path.parent) as folder:
        files = _build_all_precisions(path, write_half, card, trial, reference, Path(folder))
        pairs = [(file, runtime) for file in files for runtime in file.runtimes]
        measured = []
        with progress(f"{card.name}: measuring", len(pairs), unit="candidates") as advance:
            for file, runtime in pairs:
                predict = trial.open_model(file.path, runtime)
                measured.append(
                    measure_precision(file.path, file.precision, runtime, predict, reference, trial.gate)
                )
                advance(note=f"{file.precision} on {runtime}")
        best = _choose_fastest_precision(card.name, measured, trial)
        chosen = next(file for file in files if file.precision == best.precision)
        others = sorted((c for c in measured if c != best), key=lambda c: (not c.passed, c.milliseconds))
        choice = PrecisionCard(
            asked=trial.request.precision,
            least_agreement=trial.gate.least_agreement,
            largest_loss=trial.gate.largest_loss,
            images=len(reference.indices),
            float_layers=chosen.float_layers,
            candidates=(best, *others),
        )
        card = card.model_copy(update={"precision": best.precision, "precision_choice": choice})
        graph = onnx.load(chosen.path)
        return save_onnx_model(graph, card.model_copy(update={"opset": opset_of(graph)}), path)


def _refuse_impossible_precision(
    card: ModelCard, trial: PrecisionTrial, write_half: WriteHalf | None
) -> None:
    if trial.request.precision == "bf16" and BF16_RUNTIME not in trial.runtimes:
        raise MissingRuntimeError(
            f"{card.name}: precision bf16 is that of runtime {BF16_RUNTIME}, which is not usable here:"
            " name another precision, or auto"
        )
    if trial.request.precision == "fp16" and write_half is None:
        raise ModelError(
            f"{card.name}: comes as an ONNX file in float32, which is not rewritten in fp16: export it in"
            " fp16 where it was trained, or name another precision"
        )
    if card.weights_sha256 and trial.request.precision != "fp32":
        raise ModelError(f"{card.name}: is larger than 2 GiB, which is exported in fp32 alone")


def _build_all_precisions(
    path: Path,
    write_half: WriteHalf | None,
    card: ModelCard,
    trial: PrecisionTrial,
    reference: Fp32Reference,
    folder: Path,
) -> list[_CandidateFile]:
    exact = [runtime for runtime in trial.runtimes if runtime != BF16_RUNTIME]
    files = [_CandidateFile(path, "fp32", exact)]
    if "bf16" in trial.precisions:
        files.append(_CandidateFile(path, "bf16", [BF16_RUNTIME]))
    if "fp16" in trial.precisions and write_half is not None:
        write_half(card, folder / "fp16.onnx")
        files.append(_CandidateFile(folder / "fp16.onnx", "fp16", exact))
    if "int8" in trial.precisions:
        files += _build_int8_candidate(path, trial, reference, folder / "int8.onnx")
    return files


def _build_int8_candidate(
    path: Path, trial: PrecisionTrial, reference: Fp32Reference, target: Path
) -> list[_CandidateFile]:
    images: list[ImageHWB] = images_to_calibrate_int8(
        trial.train, trial.request.calibration_images, trial.task
    )

    runtimes = [REFERENCE, *(name for name in trial.runtimes if name not in {REFERENCE, BF16_RUNTIME})]

    def open_everywhere(graph: onnx.ModelProto) -> list[Predict]:
        target.unlink(missing_ok=True)
        onnx.save(graph, target)
        return [trial.open_model(target, runtime) for runtime in runtimes]

    def passes(candidate: onnx.ModelProto) -> bool:
        opened = zip(runtimes, open_everywhere(candidate), strict=True)
        return all(measure_precision(target, "int8", *one, reference, trial.gate).passed for one in opened)

    found = quantise_within_gate(
        onnx.load(path), images, trial.task, trial.gate.least_agreement, open_everywhere, passes
    )
    return [_CandidateFile(target, "int8", trial.runtimes, found[1])] if found else []


def _choose_fastest_precision(
    name: str, measured: Sequence[PrecisionCandidateCard], trial: PrecisionTrial
) -> PrecisionCandidateCard:
    wished = [c for c in measured if trial.request.precision in {"auto", c.precision}]
    passing = [candidate for candidate in wished if candidate.passed]
    if not passing:
        best = max(wished, key=lambda candidate: candidate.agreement, default=None)
        found = (
            f"at best {best.agreement:.2%} of labels agree, for {best.loss:.2f} points of mIoU"
            if best
            else "not even with half of its layers in float"
        )
        raise VerificationError(
            f"{name}: {trial.request.precision} does not pass ({found}; asked are"
            f" {trial.gate.least_agreement:.2%} and {trial.gate.largest_loss} points): not written"
        )
    return min(passing, key=lambda candidate: candidate.milliseconds)
