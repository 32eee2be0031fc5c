"""From members to one graph: views, networks, views back, merge, outputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import onnx
from onnx import TensorProto, helper

from seg.engine.merging.decision import Decision
from seg.export.fuse.builder import FusedGraph
from seg.export.fuse.decoder_grid import add_padding_to_grid
from seg.export.fuse.member_graphs import MemberGraph
from seg.export.fuse.merge import PassOutput, add_merge
from seg.export.fuse.network import add_network_of_member
from seg.export.fuse.output_names import FusedOutput
from seg.export.fuse.outputs import add_fused_output
from seg.export.fuse.views import batch_views, cast_images, first_bands, restore_views
from seg.export.onnx_file.opset import lower_opset, opset_of
from seg.image_type import fused_image_type
from seg.models.model_file import INPUT, ONNX_PIXELS, OUTPUT
from seg.spec.ensemble.prediction import MergeName
from seg.spec.ensemble.stacking import Stacking

ORIENTATIONS: Final = {"upright": False, "turned": True}
"""Whether height and width are swapped."""


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """What becomes of the outputs of all passes: the merge, the decision, the outputs.

    `opset` is what the file is written in; by default the oldest that it can be. `stacking` corrects a mean,
    if anything does.
    """

    merge: MergeName
    decision: Decision
    gives: tuple[FusedOutput, ...]
    opset: int | None = None
    stacking: Stacking | None = None


def compose_fused_graph(members: Sequence[MemberGraph], settings: FusionSettings) -> onnx.ModelProto:
    """One graph for all members: images to the outputs asked for.

    It takes the widest pixels and the most bands that a member takes; each reads its own of them.

    A network stands in it once for its views that keep height and width, and once for those that swap them;
    both copies read the same weights, and each takes its views as one batch.
    """
    graph = FusedGraph()
    taken = fused_image_type([member.card.input.image_type for member in members])
    images = cast_images(graph)
    if any(member.decoder for member in members):
        images = add_padding_to_grid(graph, images)
    pass_outputs = [
        output for member in members for output in _pass_outputs_of_member(graph, member, images, taken.bands)
    ]
    image = helper.make_tensor_value_info(INPUT, ONNX_PIXELS[taken.pixels], ["N", "H", "W", taken.bands])
    return _finish_fused_graph(graph, [image], pass_outputs, settings)


def compose_merge_graph(members: Sequence[MemberGraph], settings: FusionSettings) -> onnx.ModelProto:
    """The merge alone: what each member predicts, float32 `[N, C, H, W]`, to the outputs asked for."""
    shape: list[str | int] = ["N", len(members[0].card.classes), "H", "W"]
    pass_outputs = [PassOutput(member.name, merged_output_name_of(member.name), member) for member in members]
    inputs = [helper.make_tensor_value_info(one.value, TensorProto.FLOAT, shape) for one in pass_outputs]
    return _finish_fused_graph(FusedGraph(), inputs, pass_outputs, settings)


def merged_output_name_of(member: str) -> str:
    """What the merge calls the member's probabilities."""
    return f"{member}/{OUTPUT}"


def _finish_fused_graph(
    graph: FusedGraph,
    inputs: Sequence[onnx.ValueInfoProto],
    pass_outputs: Sequence[PassOutput],
    settings: FusionSettings,
) -> onnx.ModelProto:
    members = [output.member for output in pass_outputs]
    add_merge(graph, settings.merge, pass_outputs, settings.decision.task, settings.stacking)
    classes = len(members[0].card.classes)
    outputs = [add_fused_output(graph, give, classes, settings.decision) for give in settings.gives]
    whole = helper.make_graph(graph.nodes, "ensemble", inputs, outputs, list(graph.constants.values()))
    model = helper.make_model(
        whole,
        opset_imports=[helper.make_opsetid("", opset_of(members[0].model))],
        ir_version=max(member.model.ir_version for member in members),
        producer_name="seg",
    )
    lower_opset(model, settings.opset)
    return model


def _pass_outputs_of_member(
    graph: FusedGraph, member: MemberGraph, images: str, bands: int
) -> Iterator[PassOutput]:
    for orientation, transpose in ORIENTATIONS.items():
        views = member.views_that(transpose=transpose)
        if views:
            scope = f"{member.name}/{orientation}"
            batch = first_bands(graph, batch_views(graph, images, views), member.card.input.bands, bands)
            seen = add_network_of_member(graph, member, scope, batch)
            for view, value in zip(views, restore_views(graph, seen, views, member.name), strict=True):
                yield PassOutput(f"{member.name}/{view}", value, member)
