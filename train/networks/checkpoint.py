"""Checkpoint files: safetensors with the model card in their metadata. Weights are never pickled."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from seg.errors import ModelError, OutputError, SpecError
from seg.files.atomic import atomic_path, regular_file
from seg.models.card import CARD_KEY, ModelCard, parse_model_card
from seg.train.networks import build_network
from seg.train.networks.weights.check import check_weight_tensors


def save_checkpoint(path: Path, network: nn.Module, card: ModelCard) -> None:
    """Write a network and its card atomically; the same weights and card give the same bytes.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {
        name: tensor.detach().cpu().contiguous().clone() for name, tensor in network.state_dict().items()
    }
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={CARD_KEY: card.model_dump_json()})
        except SafetensorError as error:
            raise OutputError(f"{path}: cannot be written: {error}") from error


def load_checkpoint(path: Path) -> tuple[nn.Module, ModelCard]:
    """Build the network that a checkpoint's card describes, load its weights, and set evaluation mode.

    Raises:
        ModelError: the file is missing, not safetensors, without a card, with a newer card, or its
            weights are not exactly those of the card's network.
    """
    tensors, card = _read_checkpoint(path)
    try:
        network = build_network(
            card.architecture, card.encoder, len(card.classes), channels=card.input.channels
        )
    except SpecError as error:
        raise ModelError(f"{path}: the network in its card cannot be built: {error}") from error
    wanted = network.state_dict()
    _check_checkpoint_names(path, tensors, wanted)
    check_weight_tensors(path, tensors, wanted)
    network.load_state_dict(tensors)
    return network.eval(), card


def read_checkpoint_card(path: Path) -> ModelCard:
    """The card of a checkpoint, without its weights; raises ModelError as `load_checkpoint`."""
    return _read_checkpoint(path, weights=False)[1]


def _read_checkpoint(path: Path, *, weights: bool = True) -> tuple[dict[str, Tensor], ModelCard]:
    try:
        with safe_open(regular_file(path), framework="pt") as file:
            metadata = file.metadata() or {}
            names = file.keys() if weights else ()
            tensors = {name: file.get_tensor(name) for name in names}
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such checkpoint: train it first") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from error
    except SafetensorError as error:
        raise ModelError(f"{path}: is not a complete safetensors file ({error}): copy it again") from error
    if CARD_KEY not in metadata:
        raise ModelError(f"{path}: has no model card, so it is not a checkpoint of seg train")
    return tensors, parse_model_card(metadata[CARD_KEY], path)


def _check_checkpoint_names(path: Path, given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    missing = sorted(wanted.keys() - given.keys())
    unexpected = sorted(given.keys() - wanted.keys())
    for names, problem in (
        (missing, "lacks"),
        (unexpected, "has in addition to the network in its card"),
    ):
        if names:
            others = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise ModelError(f"{path}: {problem} {names[0]!r}{others}: it was modified: train again")
