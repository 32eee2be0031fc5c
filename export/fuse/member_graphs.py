"""Members to be fused: the ONNX graph of each, with its views, share and temperature."""

from dataclasses import dataclass
from typing import Final

import onnx

from seg.engine.member_files import MemberFile, read_member_files
from seg.engine.passes.merge_shares import merge_shares_by_class
from seg.engine.runtimes.decoder_cut import Decoder, cut_at_decoder, find_decoder
from seg.export.fuse.reorder import reorder_classes
from seg.export.onnx_file.opset import graph_in_opset, opset_of
from seg.models.card import ModelCard
from seg.models.temperature import set_temperature_in_graph
from seg.spec import EnsembleSpec
from seg.views import SYMMETRIES, ViewName

LEAST_OPSET: Final = 18
"""What the nodes around the networks are written in."""


@dataclass(frozen=True, slots=True)
class MemberGraph:
    """A member's model.

    `share` is that of each of its views in the merge, `class_shares` those for each class where they differ;
    `weights` names the first member with the same file; `model` is cut where `decoder` ends, if
    low-resolution probabilities are merged.
    """

    name: str
    weights: str
    share: float
    class_shares: tuple[float, ...]
    views: tuple[ViewName, ...]
    model: onnx.ModelProto
    card: ModelCard
    sha256: str
    decoder: Decoder | None = None

    def views_that(self, *, transpose: bool) -> tuple[ViewName, ...]:
        """Its views that swap height and width, or those that keep them."""
        return tuple(view for view in self.views if SYMMETRIES[view].transposes is transpose)


def read_member_graphs(spec: EnsembleSpec) -> tuple[MemberGraph, ...]:
    """The models of all members that have weight, in one opset.

    Raises:
        ModelError: a model is missing, not ours, damaged, or has other classes than the dataset.
    """
    files = read_member_files(spec)
    to_decoder = spec.merge_at == "decoder"
    models = [_load_member_graph(file, to_decoder=to_decoder) for file in files]
    opset = max(LEAST_OPSET, *map(opset_of, models))
    hashes = [file.sha256 for file in files]
    for model, member, file in zip(models, spec.running, files, strict=True):
        if member.temperature != 1:
            set_temperature_in_graph(model, member.temperature, file.path)
        if file.is_reordered:
            reorder_classes(model, file.channels)
    total = sum(member.weight for member in spec.running)
    weights = [member.weight for member in spec.running]
    shares = merge_shares_by_class(weights, spec.class_weights_of(files[0].card.classes))
    return tuple(
        MemberGraph(
            name=member.name,
            weights=spec.running[hashes.index(sha256)].name,
            share=member.weight / total / len(spec.views_of(member)),
            class_shares=tuple(share / len(spec.views_of(member)) for share in own),
            views=spec.views_of(member),
            model=graph_in_opset(model, opset, file.path),
            card=file.card,
            sha256=sha256,
            decoder=find_decoder(file.path, file.card) if to_decoder else None,
        )
        for member, own, model, file, sha256 in zip(spec.running, shares, models, files, hashes, strict=True)
    )


def _load_member_graph(file: MemberFile, *, to_decoder: bool) -> onnx.ModelProto:
    """A member's model, whole or cut at the end of its decoder."""
    cut = cut_at_decoder(file.path) if to_decoder else None
    return onnx.load_from_string(cut) if cut else onnx.load(file.path)
