"""Save ONNX files atomically, with their card, and with external weights if they exceed one file's limit."""

import contextlib
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import onnx
from onnx.external_data_helper import set_external_data

from seg.errors import ModelError, OutputError
from seg.files.atomic import atomic_path
from seg.models.card import CARD_KEY, ENSEMBLE_KEY, StoredCard
from seg.models.safety import LARGEST_MODEL_BYTES, external_weights_beside, load_safe_onnx

AnyCard = TypeVar("AnyCard", bound=StoredCard)

LARGEST_INLINE_BYTES: Final = LARGEST_MODEL_BYTES - 2**24
"""The rest of the file's maximum size is left for the graph itself."""

SMALLEST_WEIGHT: Final = 1024
"""Smaller tensors, such as shapes, stay in the graph, where readers need their values."""


def save_onnx_model(model: onnx.ModelProto, card: AnyCard, path: Path) -> AnyCard:
    """Save a graph with the card as its metadata.

    Weights above 2 GiB go to `weights-DIGEST.data` beside it, whose SHA-256 the card then holds.

    Returns:
        The card as it was written.
    """
    if weight_bytes(model) > LARGEST_INLINE_BYTES:
        card = card.model_copy(update={"weights_sha256": _move_weights_out(model, path.parent)})
    _set_model_card(model, card)
    onnx.save(model, path)
    return card


def replace_model_card(path: Path, card: StoredCard) -> None:
    """Replace the card of a model file; external weights are not touched."""
    model = onnx.load(path, load_external_data=False)
    _set_model_card(model, card)
    onnx.save(model, path)


_OUR_WEIGHTS: Final = re.compile(r"weights-[0-9a-f]{16}\.data")


@contextmanager
def atomic_model(final: Path) -> Iterator[Path]:
    """Yield a path for a new model, as `atomic_path`; external weights that become unused are removed."""
    before = _weight_files_of(final)
    with atomic_path(final) as temporary:
        try:
            yield temporary
        except BaseException:
            _remove_unused_weights(_weight_files_of(temporary) - before)
            raise
    _remove_unused_weights(before - _weight_files_of(final))


def refuse_foreign_model(path: Path) -> None:
    """Raise OutputError if the path is an ONNX file without a card, which seg did not export."""
    try:
        model = load_safe_onnx(path)
    except ModelError:
        # The file is missing or damaged, so nothing can be lost.
        return
    if not _cards_of(model):
        raise OutputError(f"{path}: was not exported by seg: move it away, or pass --force to replace it")


def is_fused(path: Path) -> bool:
    """Whether the file is a fused model, by the card inside it."""
    try:
        return ENSEMBLE_KEY in _cards_of(load_safe_onnx(path))
    except ModelError:
        return False


def _cards_of(model: onnx.ModelProto) -> set[str]:
    return {entry.key for entry in model.metadata_props} & {CARD_KEY, ENSEMBLE_KEY}


def weight_bytes(model: onnx.ModelProto) -> int:
    """The size of the weights in bytes; protobuf cannot give the size of a message that is too large."""
    return sum(len(tensor.raw_data) for tensor in model.graph.initializer)


def _set_model_card(model: onnx.ModelProto, card: StoredCard) -> None:
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {card.key: card.model_dump_json()})


def _move_weights_out(model: onnx.ModelProto, folder: Path) -> str:
    """Write all weights into one file named after its SHA-256, which is returned."""
    weights = [tensor for tensor in model.graph.initializer if len(tensor.raw_data) >= SMALLEST_WEIGHT]
    digest = hashlib.sha256()
    for tensor in weights:
        digest.update(tensor.raw_data)
    name = f"weights-{digest.hexdigest()[:16]}.data"
    with atomic_path(folder / name) as temporary, temporary.open("wb") as file:
        for tensor in weights:
            set_external_data(tensor, name, offset=file.tell(), length=len(tensor.raw_data))
            file.write(tensor.raw_data)
            tensor.ClearField("raw_data")
    return digest.hexdigest()


def _weight_files_of(path: Path) -> set[Path]:
    """The files of weights that seg wrote beside a model; those of others may belong to more than one."""
    try:
        beside = external_weights_beside(load_safe_onnx(path))
    except ModelError:
        return set()
    return {path.parent / name for name in beside if _OUR_WEIGHTS.fullmatch(name)}


def _remove_unused_weights(files: set[Path]) -> None:
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            file.unlink()
