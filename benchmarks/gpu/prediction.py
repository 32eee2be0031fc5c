"""What all ways to predict share: how they are called, the submission, the labels that they leave."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from benchmarks.gpu.harness.child import StepCall
from benchmarks.gpu.harness.rows import Row
from benchmarks.gpu.labels import save_labels
from benchmarks.gpu.workspace import PrecisionName, SceneName
from seg.data import open_split, read_image
from seg.engine.passes.passes import Size
from seg.engine.submissions import open_submission_format
from seg.engine.submissions.base import SubmissionFormat
from seg.labels.label_map import LabelsHW
from seg.models.model_file import read_model_card
from seg.spec import EnsembleSpec, load_ensemble

Cells = dict[str, float | str]
Labels = dict[str, LabelsHW]
Measure = Callable[[StepCall, EnsembleSpec], tuple[Cells, Labels]]
"""Gives the figures of a scene, and the label maps by the ids of the images."""


@dataclass(frozen=True)
class Contender:
    """A way to predict: what it is called, how it is measured, and the row of its networks alone."""

    title: str
    measure: Measure
    precision: PrecisionName = "fp32"
    networks: str = ""


def measure_contender(call: StepCall, contenders: Mapping[str, Contender]) -> None:
    """Measure the contender that the call names in the scenes that it names; a row for each."""
    key, *scenes = call.arguments
    contender, device = contenders[key], call.workspace.device
    for scene in cast(list[SceneName], scenes):
        if device == "cpu":
            note = "absent: no NVIDIA device is visible; measured on the CPU instead"
            call.add(Row(scene, f"{contender.title}, cuda", status="absent", note=note))
        output = {"file": str(call.workspace.work / "submissions" / f"{scene}-{key}.csv")}
        spec = load_ensemble(call.workspace.spec(scene, contender.precision, output=output))
        cells, labels = contender.measure(call, spec)
        if labels:
            save_labels(call.workspace.labels(scene, key), labels)
        call.add(Row(scene, f"{contender.title}, {device}", cells, key, contender.networks))


def submission_of(spec: EnsembleSpec) -> SubmissionFormat:
    """The spec's submission, for the classes of its models."""
    card = read_model_card(spec.model(spec.members[0]))
    return open_submission_format(spec.output, card.classes, card.unlabelled, str)


def written_labels(spec: EnsembleSpec) -> Iterator[tuple[str, LabelsHW]]:
    """The label maps of a submission, read back."""

    def size_of(image_id: str) -> Size:
        height, width = read_image(images[image_id]).shape[:2]
        return height, width

    images = {sample.id: sample.image for sample in open_split(spec.data, "predict").samples}
    return submission_of(spec).read(spec.output.file, size_of)
