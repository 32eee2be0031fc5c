"""`run.json`: what a run was asked to do, with what, and what came of it."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from seg import __version__
from seg.data import Split
from seg.data.content import content_of_images
from seg.errors import ModelError
from seg.files import regular, sha256_of
from seg.spec.recipe import RecipeSpec
from seg.train.networks.pretrained import is_local_file

_LIBRARIES: Final = ("torch", "lightning", "segmentation-models-pytorch", "timm", "albumentations")
_WITHOUT_EFFECT: Final = frozenset({"workers"})
_DATA: Final = {
    "classes": "classes than the dataset has now",
    "train_fingerprint": "training labels than the dataset has now",
    "val_fingerprint": "validation labels than the dataset has now",
    "train_images": "training images than the dataset has now",
    "val_images": "validation images than the dataset has now",
}


class Result(BaseModel):
    """The figures of a finished run.

    `best_iou` is None for a class that neither labels nor prediction have. `seconds` is the time of
    training and validation over all sittings, `gflops` what an image of the crop's size takes forward.
    `averaged_epochs` is how many of the last epochs the kept weights are the mean of; with 0 they are those
    of `best_epoch` alone.
    """

    model_config = ConfigDict(frozen=True)

    best_epoch: int
    best_miou: float
    best_iou: dict[str, float | None]
    averaged_epochs: int = 0
    parameters: int
    gflops: float | None = None
    seconds: float


class RunRecord(BaseModel):
    """What decides a run's outcome, the versions and device it ran with, and its result at the end.

    `recipe` is the merged recipe. Encoder weights from a file count by their content, wherever the
    file lies. Images count by theirs; a record of an older `seg` has None for them. A soup has the recipe of
    its best ingredient; `ingredients` are the SHA-256 of the checkpoints that it is the mean of, by the
    names of their runs. `teaching` is what a student learns from beside labels.
    """

    model_config = ConfigDict(frozen=True)

    member: str
    recipe: dict[str, Any]
    encoder_weights_sha256: str | None = None
    classes: list[str]
    train_fingerprint: str
    val_fingerprint: str
    train_images: str | None = None
    val_images: str | None = None
    versions: dict[str, str]
    device: str
    ingredients: dict[str, str] = {}
    teaching: dict[str, Any] | None = None
    result: Result | None = None


def new_record(
    member: str, recipe: RecipeSpec, train: Split, val: Split, teaching: dict[str, Any] | None = None
) -> RunRecord:
    """The record of a run that is about to begin; raises ModelError without its encoder weights."""
    return RunRecord(
        member=member,
        recipe=_as_json(recipe),
        encoder_weights_sha256=_content_of_weights(recipe.encoder_weights),
        classes=[c.name for c in train.classes],
        train_fingerprint=train.fingerprint,
        val_fingerprint=val.fingerprint,
        train_images=content_of_images(train.samples),
        val_images=content_of_images(val.samples),
        versions={"python": platform.python_version(), "seg": __version__}
        | {name: version(name) for name in _LIBRARIES},
        teaching=teaching,
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    )


def read_record(path: Path) -> RunRecord | None:
    """What a `run.json` says, or None where there is none; raises ModelError if it is malformed."""
    try:
        return RunRecord.model_validate_json(regular(path).read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ModelError(f"{path}: is not the record of a run: remove its folder to train again") from error


def difference(found: RunRecord, wanted: RunRecord) -> str | None:
    """What the run in a folder was asked to do otherwise, in words; None if nothing.

    A field that an older `seg` did not know had its default.
    """
    defaults = _as_json(RecipeSpec())
    for name, value in wanted.recipe.items():
        before = found.recipe.get(name, defaults[name])
        if name not in _WITHOUT_EFFECT and _comparable(name, before) != _comparable(name, value):
            return f"was trained with {name} {before!r} and the spec says {value!r}"
    if found.encoder_weights_sha256 not in {None, wanted.encoder_weights_sha256}:
        return f"was trained from other encoder weights than {wanted.recipe['encoder_weights']} now holds"
    if found.teaching != wanted.teaching:
        return f"was taught with {_spelled(found.teaching)} and is to be with {_spelled(wanted.teaching)}"
    for name, part in _DATA.items():
        if getattr(found, name) not in (None, getattr(wanted, name)):
            return f"was trained with other {part}"
    return None


def _comparable(name: str, value: Any) -> Any:
    if name == "encoder_weights" and is_local_file(value):
        return Path(value).name
    return value


def _spelled(teaching: dict[str, Any] | None) -> str:
    return ", ".join(f"{name} {value}" for name, value in (teaching or {"no teacher": ""}).items()).strip()


def _as_json(recipe: RecipeSpec) -> dict[str, Any]:
    return recipe.model_dump(mode="json")


def _content_of_weights(encoder_weights: str | None) -> str | None:
    if encoder_weights is None or not is_local_file(encoder_weights):
        return None
    try:
        return sha256_of(Path(encoder_weights))
    except OSError as error:
        raise ModelError(f"{encoder_weights}: encoder weights cannot be read: {error.strerror}") from error
