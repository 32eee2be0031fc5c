"""The exported models of an ensemble's members, with their classes in the dataset's order."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from seg.data.labelling import known_classes_of_dataset
from seg.errors import ModelError, SpecError
from seg.files.atomic import sha256_of
from seg.labels.classes import ClassInfo
from seg.labels.task import Task
from seg.models.card import ModelCard
from seg.models.class_order import Channels, channels_for_task, has_other_class_order, shared_class_card
from seg.models.model_file import read_model_card
from seg.pixel_range import PixelRange
from seg.spec import EnsembleSpec, MemberSpec
from seg.spec.dataset.dataset import DatasetSpec
from seg.spec.ensemble.stacking import StackingSpec

STACKING_OF_OTHERS: Final = (
    "was changed, or fitted for other trained weights, or for members with other weights, temperatures or"
    " views: remove 'stacking' from the ensemble; seg tune fits another"
)


@dataclass(frozen=True)
class MemberFile:
    """A member's model.

    Attributes:
        card: with the task of the dataset and its classes as it lists them.
        own: as it is in the file.
        channels: for each of the dataset's classes the channel of the model.
    """

    path: Path
    card: ModelCard
    own: ModelCard
    channels: Channels

    @property
    def is_reordered(self) -> bool:
        return has_other_class_order(self.channels, len(self.own.classes))

    @cached_property
    def sha256(self) -> str:
        """The hash of the file."""
        return sha256_of(self.path)

    @property
    def fingerprint(self) -> str:
        """A hash of the file, and of the order of its classes if it differs from the dataset's."""
        if not self.is_reordered:
            return self.sha256
        return hashlib.sha256(f"{self.sha256} {self.channels}".encode()).hexdigest()

    @property
    def trained_weights(self) -> str:
        """A hash of what was trained, which is the same in every precision."""
        source = self.own.source
        imported = source and f"{source.sha256} {source.declared_sha256}"
        return self.own.checkpoint_sha256 or imported or self.sha256


def read_member_files(spec: EnsembleSpec) -> tuple[MemberFile, ...]:
    """The models of all members that have weight.

    Raises:
        ModelError: a model is missing, not ours, damaged, or was trained for another task than the dataset's;
            or its classes are not those of the dataset, or those that members share if it lists none.
            Or it was exported before what is declared of its source was changed.
        DataError: the file that names the dataset's classes is damaged.
        SpecError: the stacking was fitted for other members than these.
    """
    files = _read_members_of_stacking(spec)
    for member, file in zip(spec.running, files, strict=True):
        _refuse_other_declaration(member, file)
    return files


def _read_members_of_stacking(spec: EnsembleSpec) -> tuple[MemberFile, ...]:
    """The models of all members that have weight, which a stacking is fitted for, if there is one."""
    files = _read_models_of_dataset([spec.model(member) for member in spec.running], spec.data)
    fitted = spec.stacking
    if fitted and fitted.fingerprint and fitted.fingerprint != stacking_fingerprint(fitted, spec, files):
        raise SpecError(f"{fitted.place}: {STACKING_OF_OTHERS}")
    return files


def stacking_fingerprint(stacking: StackingSpec, spec: EnsembleSpec, files: Sequence[MemberFile]) -> str:
    """A hash of a stacking, and of the trained weights, shares, temperatures and views that it is fitted for.

    The order of members and the precision of their models do not matter.
    """
    total = sum(member.weight for member in spec.running)
    members = {
        member.name: (
            file.trained_weights,
            round(member.weight / total, 6),
            member.class_weights,
            member.temperature,
            sorted(spec.views_of(member)),
        )
        for member, file in zip(spec.running, files, strict=True)
    }
    facts = json.dumps([stacking.coefficients, members], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


def read_existing_member_files(spec: EnsembleSpec) -> tuple[MemberFile, ...]:
    """The models of members that have weight and are exported already.

    Raises as `read_member_files`, but not for one that has to be exported again.
    """
    paths = [spec.model(member) for member in spec.running]
    existing = [path for path in paths if path.exists()]
    return (
        _read_members_of_stacking(spec) if existing == paths else _read_models_of_dataset(existing, spec.data)
    )


def _read_models_of_dataset(paths: Sequence[Path], dataset: DatasetSpec) -> tuple[MemberFile, ...]:
    if not paths:
        return ()
    cards = [read_model_card(path) for path in paths]
    pixel_range = dataset.pixel_range if dataset.has_images else cards[0].input.pixel_range
    for path, card in zip(paths, cards, strict=True):
        _refuse_other_pixel_range(path, card, pixel_range)
    known = known_classes_of_dataset(dataset)
    wanted, whose = (known, "the dataset") if known else (shared_class_card(cards).classes, "another member")
    return tuple(
        _member_file(path, card, wanted, dataset.task, whose) for path, card in zip(paths, cards, strict=True)
    )


def _refuse_other_declaration(member: MemberSpec, file: MemberFile) -> None:
    """Raise ModelError if a member that was trained elsewhere was exported as the YAML declared it before."""
    source = file.own.source
    if member.source is None or source is None:
        return
    if source.declared_sha256 != member.declared_sha256(file.own.classes, file.own.task):
        raise ModelError(
            f"{file.path}: was exported before what the YAML declares of {member.name} was changed: export it"
            " again: seg export"
        )


def _refuse_other_pixel_range(path: Path, card: ModelCard, read: PixelRange | None) -> None:
    """Raise ModelError if a model takes images that are read otherwise than these.

    Bands, ranges and windows may differ, since each model has its own in its graph; percentiles may not.
    """
    learnt = card.input.pixel_range
    if (learnt is None) != (read is None) or (learnt and read and learnt.percentile != read.percentile):
        raise ModelError(
            f"{path}: was trained on images of {learnt or 'RGB, 8 bits'}, and those here are read as"
            f" {read or 'RGB, 8 bits'}: give the dataset its 'range', 'percentile' or 'window'"
        )


def _member_file(
    path: Path, own: ModelCard, wanted: tuple[ClassInfo, ...], task: Task, whose: str
) -> MemberFile:
    channels = channels_for_task(own.classes, own.task, wanted, task, path, whose)
    return MemberFile(path, own.model_copy(update={"classes": wanted, "task": task}), own, channels)
