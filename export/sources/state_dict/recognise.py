"""Recognise the network of a state dict: architecture, encoder, options and classes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast, get_args

import torch
from torch import Tensor, nn

from seg.errors import ModelError
from seg.export.sources.state_dict.differences import Shapes, WeightDifferences, weight_differences
from seg.export.sources.state_dict.encoder_search import (
    BuildEncoder,
    build_encoder,
    build_vit_encoder,
    matching_encoders,
    nearest_encoders,
    weight_shapes_of,
)
from seg.export.sources.state_dict.smp_options import (
    INVISIBLE,
    encoder_depths,
    head_classes,
    smp_architecture,
    smp_options_of_shapes,
)
from seg.spec.recipe.architectures import OWN_ENCODERS, SmpArchitecture
from seg.train.networks.blank import build_blank
from seg.train.networks.build import NO_OPTIONS, create_network
from seg.train.networks.encoders import check_architecture
from seg.train.networks.weights.check import check_weight_tensor
from seg.train.networks.weights.state_dict_file import StateDict

_LEFT_OUT: Final = ("classification_head.", "aux_classifier.")
_TORCHVISION_NAMES: Final = {"backbone.": "encoder.", "classifier.": "decoder."}
_LAST_LAYERS: Final = (
    *("decoder.4.weight", "decoder.low_classifier.weight"),
    *("score.weight", "head.weight", "decoder.6.weight"),
)
"""The layers that give the logits: of torchvision's networks, and of the classics."""

_SHOWN: Final = 3
_SIDE: Final = 64


@dataclass(frozen=True, slots=True)
class CandidateNetwork:
    """A network that a state dict may be of; `options` are those of smp's class."""

    architecture: str
    encoder: str
    classes: int
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> nn.Module:
        """The network with random weights; raises whatever the library raises if it cannot be built."""
        return create_network(self.architecture, self.encoder, self.classes, None, self.options)

    def differences(self, given: Shapes) -> WeightDifferences:
        """What the network has other than `given`."""
        return weight_differences(given, weight_shapes_of(build_blank(self.build)))

    def __str__(self) -> str:
        return f"{self.architecture} with {self.encoder}"


@dataclass(frozen=True, slots=True)
class RecognisedNetwork:
    """A network with its weights, in evaluation mode, and a line for the user on each choice."""

    network: nn.Module
    candidate: CandidateNetwork
    notes: tuple[str, ...]


def recognise_state_dict(
    path: Path,
    state_dict: StateDict,
    architecture: str | None = None,
    encoder: str | None = None,
    options: Mapping[str, Any] = NO_OPTIONS,
) -> RecognisedNetwork:
    """Find and build the network of a state dict that has the network's own names.

    Args:
        path: the file, for messages.
        state_dict: its tensors.
        architecture: the name of the architecture, if it is known.
        encoder: the name of the encoder, if it is known.
        options: arguments of smp's class that weights do not show, such as `encoder_output_stride`.

    Raises:
        ModelError: no network has these weights, or several that compute different results.
        SpecError: there is no such architecture or encoder.
    """
    tensors, notes = _own_tensors(path, state_dict)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    compared: list[CandidateNetwork] = []
    for candidates in _candidate_networks(shapes, architecture, encoder, options):
        fitting = [candidate for candidate in candidates if _candidate_fits(candidate, shapes)]
        compared += candidates
        if fitting:
            break
    else:
        raise ModelError(f"{path}: {_nearest_candidates_in_words(compared, shapes)}")
    networks = [_candidate_with_weights(path, candidate, tensors) for candidate in fitting]
    _refuse_ambiguous_candidates(path, fitting, networks)
    chosen = fitting[0]
    invisible = INVISIBLE.get(cast(SmpArchitecture, chosen.architecture))
    if invisible and not options:
        notes += (f"assumes {invisible}, which weights do not show: else set them in 'options'",)
    return RecognisedNetwork(networks[0], chosen, notes)


def _own_tensors(path: Path, state_dict: StateDict) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The tensors of the segmentation network under the names that our networks have."""
    for name, tensor in state_dict.tensors.items():
        if not isinstance(tensor, Tensor):
            raise ModelError(f"{path}: {name!r} is not a tensor but of type {type(tensor).__name__}")
    kept = {name: t for name, t in state_dict.tensors.items() if not name.startswith(_LEFT_OUT)}
    notes = list(state_dict.notes)
    if len(kept) < len(state_dict.tensors):
        notes.append("leaves out its auxiliary head, which is only for training")
    if any(name.startswith("backbone.") for name in kept):
        for theirs, ours in _TORCHVISION_NAMES.items():
            kept = {_with_renamed_prefix(name, theirs, ours): tensor for name, tensor in kept.items()}
    return kept, tuple(notes)


def _with_renamed_prefix(name: str, old: str, new: str) -> str:
    return new + name.removeprefix(old) if name.startswith(old) else name


def _candidate_networks(
    shapes: Shapes, architecture: str | None, encoder: str | None, options: Mapping[str, Any]
) -> Iterator[list[CandidateNetwork]]:
    """The networks to compare with, the likeliest first: those that are given, or all that may fit."""
    classes = head_classes(shapes)
    of_smp = architecture or smp_architecture(shapes)
    if of_smp is not None and encoder is not None:
        check_architecture(of_smp, encoder)
    if classes is not None and of_smp in get_args(SmpArchitecture):
        yield from _smp_candidates(cast(SmpArchitecture, of_smp), encoder, classes, shapes, options)
        return
    counts = sorted({shapes[name][0] for name in _LAST_LAYERS if name in shapes})
    yield [
        CandidateNetwork(whole, own, count)
        for whole, encoders in OWN_ENCODERS.items()
        if architecture in (None, whole)
        for own in encoders
        if encoder in (None, own)
        for count in counts
    ]


def _smp_candidates(
    architecture: SmpArchitecture,
    encoder: str | None,
    classes: int,
    shapes: Shapes,
    options: Mapping[str, Any],
) -> Iterator[list[CandidateNetwork]]:
    found = _smp_options_of_weights(architecture, shapes) | dict(options)
    build: BuildEncoder = build_vit_encoder if architecture == "dpt" else build_encoder
    own = {n.removeprefix("encoder."): s for n, s in shapes.items() if n.startswith("encoder.")}
    depths = encoder_depths(architecture, shapes)
    for depth in depths:
        names = (encoder,) if encoder else matching_encoders(own, build, depth)
        yield [
            CandidateNetwork(architecture, name, classes, {"encoder_depth": depth, **found}) for name in names
        ]
    nearest = {**found, "encoder_depth": depths[0]}
    names = (encoder,) if encoder else nearest_encoders(own, build, depths[0])
    yield [CandidateNetwork(architecture, name, classes, nearest) for name in names]


def _smp_options_of_weights(architecture: SmpArchitecture, shapes: Shapes) -> dict[str, Any]:
    """The options that the weights show; smp's defaults if the weights are not complete."""
    try:
        return smp_options_of_shapes(architecture, shapes)
    except (KeyError, IndexError):
        return {}


def _candidate_fits(candidate: CandidateNetwork, shapes: Shapes) -> bool:
    """Whether the candidate's weights have exactly these names and shapes; not if it cannot be built."""
    try:
        return not candidate.differences(shapes)
    except Exception:  # libraries raise all kinds of exceptions for unsupported combinations
        return False


def _nearest_candidates_in_words(candidates: list[CandidateNetwork], shapes: Shapes) -> str:
    """What the nearest candidates have other than the file."""
    compared = []
    for candidate in candidates:
        try:
            compared.append((candidate, candidate.differences(shapes)))
        except Exception:  # as above
            continue
    compared.sort(key=lambda pair: len(pair[1]))
    if not compared:
        return "is of no network that is known: export its module from Python: seg.export.export_module"
    lines = [f"{candidate}: it {difference}" for candidate, difference in compared[:_SHOWN]]
    return f"is not exactly a network that is known; nearest {'; '.join(lines)}"


def _candidate_with_weights(
    path: Path, candidate: CandidateNetwork, tensors: Mapping[str, Tensor]
) -> nn.Module:
    network = candidate.build()
    wanted = network.state_dict()
    for name in wanted.keys() & tensors.keys():
        check_weight_tensor(path, name, tensors[name], wanted[name])
    network.load_state_dict(wanted | {name: tensors[name] for name in wanted.keys() & tensors.keys()})
    return network.eval()


def _refuse_ambiguous_candidates(
    path: Path, candidates: list[CandidateNetwork], networks: list[nn.Module]
) -> None:
    """Raise ModelError if candidates with these weights differ in their results."""
    if len(networks) == 1:
        return
    images = torch.rand((1, 3, _SIDE, _SIDE), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        first = networks[0](images)
        if all(torch.allclose(first, network(images), atol=1e-4) for network in networks[1:]):
            return
    names = ", ".join(candidate.encoder for candidate in candidates[:_SHOWN])
    raise ModelError(
        f"{path}: {candidates[0].architecture} fits with {len(candidates)} encoders that compute different"
        f" results ({names}): set 'encoder'"
    )
