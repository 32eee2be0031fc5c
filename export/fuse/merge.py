"""Merging the outputs of passes, as nodes of a graph: the engine's merges, in its order of additions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np

from seg.engine.merging.merges import LEAST_PROPORTION
from seg.engine.merging.tie_break import HIGHEST_RANK, MIN_PROBABILITY, TIE, tie_break_ranks
from seg.engine.passes.merge_shares import specialist_classes
from seg.engine.runtimes.decoder_cut import Decoder
from seg.export.fuse.builder import CLASS_AXIS, FusedGraph
from seg.export.fuse.decoder_grid import add_upsampling_from_decoder_grid
from seg.export.fuse.member_graphs import MemberGraph
from seg.labels.task import THRESHOLD, Task, classes_overlap
from seg.models.model_file import OUTPUT
from seg.spec.ensemble.prediction import MergeName
from seg.spec.ensemble.stacking import LEAST_PROBABILITY, Stacking


@dataclass(frozen=True, slots=True)
class PassOutput:
    """What a member finds in one view, float32 `[N, C, H, W]`; `name` is its place in the graph."""

    name: str
    value: str
    member: MemberGraph


def add_merge(
    graph: FusedGraph,
    merge: MergeName,
    pass_outputs: Sequence[PassOutput],
    task: Task = "multiclass",
    stacking: Stacking | None = None,
) -> None:
    """Merge all passes to OUTPUT, float32 `[N, C, H, W]`, which sums to 1 over C unless classes overlap."""
    overlap = classes_overlap(task)
    match merge:
        case "mean" if stacking:
            total = _merge_by_weighted_sum(graph, pass_outputs, "merge/sum")
            _correct_by_stacking(graph, total, pass_outputs, stacking)
        case "mean":
            if pass_outputs[0].member.class_shares and not overlap:
                is_specialist = specialist_classes([one.member.class_shares for one in pass_outputs])
                total = _merge_by_weighted_sum(graph, pass_outputs, "merge/sum")
                _normalise_merge(graph, _fill_up_merge(graph, total, is_specialist))
            else:
                _merge_by_weighted_sum(graph, pass_outputs, OUTPUT)
        case "geometric" if overlap:
            logits = [_add_weighted_output(graph, one, _logit_of_pass(graph, one)) for one in pass_outputs]
            graph.add("Sigmoid", [_sum_in_order(graph, logits, "merge/sum")], OUTPUT)
        case "vote" if overlap:
            _merge_masks_by_vote(graph, pass_outputs)
        case "geometric":
            logarithms = [
                _add_weighted_output(graph, one, _logarithm_of_pass(graph, one)) for one in pass_outputs
            ]
            graph.add("Softmax", [_sum_in_order(graph, logarithms, "merge/sum")], OUTPUT, axis=CLASS_AXIS)
        case "vote":
            _merge_by_vote(graph, pass_outputs)
        case _:
            assert_never(merge)


def _merge_by_weighted_sum(graph: FusedGraph, pass_outputs: Sequence[PassOutput], name: str) -> str:
    """The weighted sum at the size of the image, from the grids of decoders, if there are any."""
    if not pass_outputs[0].member.decoder:
        return _sum_in_order(
            graph, [_add_weighted_output(graph, one, one.value) for one in pass_outputs], name
        )
    grids: dict[Decoder, list[str]] = {}
    for one in pass_outputs:
        if one.member.decoder:
            grids.setdefault(one.member.decoder, []).append(_add_weighted_output(graph, one, one.value))
    at_image = []
    for number, (decoder, weighted) in enumerate(grids.items()):
        scope = f"merge/grid_{number}"
        merged = _sum_in_order(graph, weighted, f"{scope}/sum", scope)
        at_image.append(add_upsampling_from_decoder_grid(graph, merged, decoder, f"{scope}/at_image"))
    return _sum_in_order(graph, at_image, name)


def _add_weighted_output(graph: FusedGraph, output: PassOutput, value: str) -> str:
    return graph.add("Mul", [value, _share_constant(graph, output)], f"{output.name}/weighted")


def _share_constant(graph: FusedGraph, output: PassOutput) -> str:
    member = output.member
    share = np.array(member.class_shares or member.share, dtype=np.float32)
    return graph.constant(f"{member.name}/share", share.reshape(-1, 1, 1) if member.class_shares else share)


def _normalise_merge(graph: FusedGraph, scores: str) -> None:
    axes = graph.constant("merge/axes", np.array([CLASS_AXIS], dtype=np.int64))
    total = graph.add("ReduceSum", [scores, axes], "merge/total", keepdims=1)
    graph.add("Div", [scores, total], OUTPUT)


def _fill_up_merge(graph: FusedGraph, scores: str, is_specialist: Sequence[bool]) -> str:
    """The scores, those of no specialist's classes scaled to what the others leave of 1."""
    if not any(is_specialist) or all(is_specialist):
        return scores
    axes = graph.constant("merge/axes", np.array([CLASS_AXIS], dtype=np.int64))
    is_mine = np.array(is_specialist).reshape(-1, 1, 1)
    mine = graph.constant("merge/mine", np.float32(is_mine))
    others = graph.constant("merge/others", np.float32(~is_mine))
    least = graph.constant("merge/least", np.float32(LEAST_PROPORTION) * ~is_mine)
    one, zero = (graph.constant(f"merge/{name}", np.float32(n)) for name, n in (("one", 1), ("zero", 0)))
    scores = graph.add("Add", [scores, least], "merge/above_zero")
    of_mine, of_others = (
        graph.add("ReduceSum", [graph.add("Mul", [scores, mask], f"{mask}_scores"), axes], f"{mask}_sum")
        for mask in (mine, others)
    )
    left = graph.add("Max", [graph.add("Sub", [one, of_mine], "merge/beside_mine"), zero], "merge/left")
    scaled = graph.add("Mul", [scores, graph.add("Div", [left, of_others], "merge/filling")], "merge/scaled")
    return graph.add("Where", [graph.constant("merge/is_mine", is_mine), scores, scaled], "merge/filled_up")


def _correct_by_stacking(
    graph: FusedGraph, mean: str, pass_outputs: Sequence[PassOutput], stacking: Stacking
) -> None:
    """The mean, corrected by the mean over the views of each member."""
    of_members: dict[str, list[PassOutput]] = {}
    for one in pass_outputs:
        of_members.setdefault(one.member.name, []).append(one)
    corrections = [
        graph.constant("stacking/constants", np.array(stacking.constants, np.float32)[:, None, None])
    ]
    for (name, outputs), rows in zip(of_members.items(), stacking.matrices, strict=True):
        views = graph.constant(f"{name}/views", np.float32(len(outputs)))
        scope = f"stacking/{name}"
        total = _sum_in_order(graph, [one.value for one in outputs], f"{scope}/sum", scope)
        logarithm = _add_clipped_logarithm(
            graph, graph.add("Div", [total, views], f"{scope}/mean"), scope, LEAST_PROBABILITY
        )
        kernel = graph.constant(f"{scope}/matrix", np.array(rows, np.float32)[:, :, None, None])
        corrections.append(graph.add("Conv", [logarithm, kernel], f"{scope}/correction"))
    correction = _sum_in_order(graph, corrections, "stacking/correction", "stacking")
    scores = graph.add(
        "Add", [_add_clipped_logarithm(graph, mean, "stacking/mean"), correction], "stacking/scores"
    )
    graph.add("Softmax", [scores], OUTPUT, axis=CLASS_AXIS)


def _logarithm_of_pass(graph: FusedGraph, output: PassOutput) -> str:
    return _add_clipped_logarithm(graph, output.value, output.name)


def _logit_of_pass(graph: FusedGraph, output: PassOutput) -> str:
    """The logarithm of the odds of each class that overlaps."""
    one = graph.constant("merge/one", np.float32(1))
    against = graph.add("Sub", [one, output.value], f"{output.name}/against")
    logs = [
        _add_clipped_logarithm(graph, output.value, output.name),
        _add_clipped_logarithm(graph, against, against),
    ]
    return graph.add("Sub", logs, f"{output.name}/logit")


def _add_clipped_logarithm(
    graph: FusedGraph, value: str, name: str, least_probability: float = MIN_PROBABILITY
) -> str:
    least = graph.constant(f"merge/least_{least_probability:g}", np.float32(least_probability))
    clipped = graph.add("Max", [value, least], f"{name}/clipped")
    return graph.add("Log", [clipped], f"{name}/logarithm")


def _merge_by_vote(graph: FusedGraph, pass_outputs: Sequence[PassOutput]) -> None:
    """Each pass's share goes to its own label; where shares tie, to that of the best pass."""
    classes = np.arange(len(pass_outputs[0].member.card.classes), dtype=np.int64).reshape(1, -1, 1, 1)
    labels = graph.constant("merge/labels", classes)
    none = graph.constant("merge/none", np.float32(0))
    shares, standing = [], []
    for one, rank in zip(pass_outputs, _tie_break_ranks_of_passes(pass_outputs), strict=True):
        winner = graph.add("ArgMax", [one.value], f"{one.name}/label", axis=CLASS_AXIS, keepdims=1)
        mine = graph.add("Equal", [winner, labels], f"{one.name}/vote")
        bonus = graph.constant(f"{one.name}/standing", np.float32(rank) * np.float32(TIE / HIGHEST_RANK))
        shares.append(graph.add("Where", [mine, _share_constant(graph, one), none], f"{one.name}/weighted"))
        standing.append(graph.add("Where", [mine, bonus, none], f"{one.name}/bonus"))
    votes = _sum_in_order(graph, shares, "merge/votes")
    best = _add_in_order(graph, "Max", standing, "merge/best")
    _normalise_merge(graph, graph.add("Add", [votes, best], "merge/decided"))


def _merge_masks_by_vote(graph: FusedGraph, pass_outputs: Sequence[PassOutput]) -> None:
    """Each pass's share goes to a class or to what it is not; where they tie, the best pass decides."""
    none, limit = (
        graph.constant(f"merge/{name}", np.float32(n)) for name, n in (("none", 0), ("threshold", THRESHOLD))
    )
    sides = []
    above = [graph.add("Greater", [one.value, limit], f"{one.name}/for") for one in pass_outputs]
    below = [graph.add("Not", [vote], f"{vote}/not") for vote in above]
    for side, votes in (("for", above), ("against", below)):
        shares, standing = [], []
        for one, vote, rank in zip(
            pass_outputs, votes, _tie_break_ranks_of_passes(pass_outputs), strict=True
        ):
            bonus = graph.constant(f"{one.name}/standing", np.float32(rank) * np.float32(TIE / HIGHEST_RANK))
            shares.append(graph.add("Where", [vote, _share_constant(graph, one), none], f"{vote}/weighted"))
            standing.append(graph.add("Where", [vote, bonus, none], f"{vote}/bonus"))
        scope = f"merge/{side}"
        votes_of_side = _sum_in_order(graph, shares, f"{scope}/votes", scope)
        best = _add_in_order(graph, "Max", standing, f"{scope}/best", scope)
        sides.append(graph.add("Add", [votes_of_side, best], f"{scope}/decided"))
    graph.add("Div", [sides[0], graph.add("Add", sides, "merge/total")], OUTPUT)


def _tie_break_ranks_of_passes(pass_outputs: Sequence[PassOutput]) -> list[int]:
    number = {
        member: position
        for position, member in enumerate(dict.fromkeys(one.member.name for one in pass_outputs))
    }
    return tie_break_ranks([(number[one.member.name], one.member.share) for one in pass_outputs])


def _sum_in_order(graph: FusedGraph, values: Sequence[str], name: str, scope: str = "merge") -> str:
    return _add_in_order(graph, "Add", values, name, scope)


def _add_in_order(
    graph: FusedGraph, operator: str, values: Sequence[str], name: str, scope: str = "merge"
) -> str:
    """One after the other, so that no more than two are held at once; the last result has the name.

    The others are named within `scope`.
    """
    result = values[0]
    for step, value in enumerate(values[1:], start=1):
        step_name = name if step == len(values) - 1 else f"{scope}/{operator.lower()}_{step}"
        result = graph.add(operator, [result, value], step_name)
    return result if len(values) > 1 else graph.add("Identity", values, name)
