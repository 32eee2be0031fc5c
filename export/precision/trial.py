"""Precisions tried on the runtimes of this machine, against the labels of a dataset."""

from collections.abc import Sequence
from pathlib import Path

from seg.data import open_split
from seg.data.labelling import known_classes_of_dataset
from seg.data.regions.large_images import cut_for_networks, cut_large_images
from seg.engine.runtimes.base import Streams
from seg.engine.runtimes.hardware import usable_cores
from seg.engine.runtimes.open import open_runtime, usable_runtimes
from seg.engine.runtimes.reordered import runtime_in_dataset_order
from seg.export.precision.choose import PrecisionTrial
from seg.export.precision.measure import Predict
from seg.labels.classes import ClassInfo
from seg.labels.task import Task
from seg.models.class_order import channels_for_task
from seg.spec import DatasetSpec, ExportSpec
from seg.train.networks.checkpoint import read_checkpoint_card


def trial_on_this_machine(checkpoint: Path | str, data: DatasetSpec, request: ExportSpec) -> PrecisionTrial:
    """What `export_checkpoint` needs to try fp16, bf16 and int8: images, labels and runtimes.

    Args:
        checkpoint: the one that is to be exported.
        data: its `train` split calibrates int8, and its `val` split measures every precision.
        request: which precisions are tried, and what they may cost.

    Raises:
        ModelError: the checkpoint cannot be used, or was trained for other classes.
        DataError: a split is missing or malformed.

    Example:
        >>> from seg.export import export_checkpoint, trial_on_this_machine, validation_images
        >>> from seg.spec import ExportSpec, load_dataset
        >>> data = load_dataset("data/dataset.yaml")
        >>> request = ExportSpec(precision="fp16", least_agreement=0.9)
        >>> trial = trial_on_this_machine("model.safetensors", data, request)
        >>> card = export_checkpoint("model.safetensors", "model.onnx", validation_images(data), trial)
        >>> card.precision
        'fp16'
    """
    card = read_checkpoint_card(Path(checkpoint))
    return precision_trial_of_classes(card.classes, card.task, checkpoint, data, request)


def precision_trial_of_classes(
    own: Sequence[ClassInfo], task: Task, source: object, data: DatasetSpec, request: ExportSpec
) -> PrecisionTrial:
    """The same for a network with these classes, by channel; `source` names it in messages."""
    channels = channels_for_task(own, task, known_classes_of_dataset(data) or tuple(own), data.task, source)
    runtimes = {str(name): name for name in usable_runtimes()}

    def open_model(model: Path, name: str) -> Predict:
        runtime = open_runtime(model, runtimes[name], Streams(1, usable_cores()), task=task)
        return runtime_in_dataset_order(runtime, channels, len(own)).run

    train, val = (cut_for_networks(cut_large_images(open_split(data, name))) for name in ("train", "val"))
    return PrecisionTrial(request, train, val, tuple(runtimes), open_model, data.task)
