"""Which options of an ensemble exclude each other: one table, for the checks and for the docs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from seg.errors import SpecError
from seg.labels.task import classes_overlap
from seg.spec.ensemble.output import ONE_CLASS_FORMATS
from seg.views import without_scale

if TYPE_CHECKING:
    from seg.spec.ensemble.ensemble import EnsembleSpec

Use = Literal[
    "--deadline",
    "--fuse",
    "--format triton-ensemble",
    "doctor member",
]
"""A command or an option of one that not every ensemble can be used with."""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Two options that exclude each other.

    Attributes:
        one: the first: a key of a spec, with or without its value, or an option of a command; in Markdown.
        other: the second, a key of the spec.
        why: a part of a sentence, in messages and docs.
        has_both: whether a spec has both; of a command's option, whether it has the other.
        uses: the options of commands that the first stands for, if any.
    """

    one: str
    other: str
    why: str
    has_both: "Callable[[EnsembleSpec], bool]"
    uses: Sequence[Use] = ()

    @property
    def message(self) -> str:
        both = f"{self.one} and {self.other}".replace("`", "'")
        return f"{both} exclude each other: {self.why}: remove one of them"


def _merges_at_decoder(spec: "EnsembleSpec") -> bool:
    return spec.merge_at == "decoder"


def _has_scaled_views(spec: "EnsembleSpec") -> bool:
    return any(without_scale(view) != view for member in spec.running for view in spec.views_of(member))


def _has_class_weights(spec: "EnsembleSpec") -> bool:
    return any(member.class_weights for member in spec.members)


def _decides_by_regions(spec: "EnsembleSpec") -> bool:
    return any(rule.needs_regions for rule in spec.decision.rules)


_GRAPHS: Final[Sequence[Use]] = ("--fuse", "--format triton-ensemble")


def _has_specialists(spec: "EnsembleSpec") -> bool:
    return any(member.covers for member in spec.running)


def _has_stacking(spec: "EnsembleSpec") -> bool:
    return spec.stacking is not None


def _has_overlapping_classes(spec: "EnsembleSpec") -> bool:
    return classes_overlap(spec.data.task)


EXCLUSIONS: Final = (
    Exclusion(
        "`merge: geometric` or `vote`", "`class_weights`", "class weights are weights of a mean",
        lambda spec: spec.merge != "mean" and _has_class_weights(spec),
    ),
    Exclusion(
        "`merge: geometric` or `vote`", "`merge_at: decoder`", "what decoders give is averaged",
        lambda spec: spec.merge != "mean" and _merges_at_decoder(spec),
    ),
    Exclusion(
        "`merge: geometric` or `vote`", "`stopping`", "early exit bounds how much a mean can still change",
        lambda spec: spec.merge != "mean" and spec.stopping is not None,
    ),
    Exclusion(
        "`merge: geometric` or `vote`", "`covers`", "a specialist is weighed pixel by pixel in a mean",
        lambda spec: spec.merge != "mean" and _has_specialists(spec),
    ),
    Exclusion(
        "`stacking`", "`merge: geometric` or `vote`", "what is added was fitted for the mean",
        lambda spec: spec.merge != "mean" and _has_stacking(spec),
    ),
    Exclusion(
        "`stacking`", "`merge_at: decoder`", "it reads what each member finds in each pixel",
        lambda spec: _merges_at_decoder(spec) and _has_stacking(spec),
    ),
    Exclusion(
        "`stacking`", "`covers`", "it reads what each member finds of each class",
        lambda spec: _has_specialists(spec) and _has_stacking(spec),
    ),
    Exclusion(
        "`stacking`", "`stopping`", "early exit bounds how much a mean can still change",
        lambda spec: _has_stacking(spec) and spec.stopping is not None,
    ),
    Exclusion(
        "`stacking`", "`task: multilabel` or `binary`", "it is a softmax over all classes",
        lambda spec: _has_overlapping_classes(spec) and _has_stacking(spec),
    ),
    Exclusion(
        "`merge_at: decoder`", "`runtime: tensorrt-plan`", "graphs are cut, and a plan is whole",
        lambda spec: _merges_at_decoder(spec) and spec.runtime == "tensorrt-plan",
    ),
    Exclusion(
        "`covers`", "`stopping`", "how much a mean can still change depends on pixels not yet predicted",
        lambda spec: _has_specialists(spec) and spec.stopping is not None,
    ),
    Exclusion(
        "`decision` with regions", "`stopping`", "regions need the probabilities of all passes",
        lambda spec: _decides_by_regions(spec) and spec.stopping is not None,
    ),
    Exclusion(
        "`task: multilabel` or `binary`", "`stopping`", "early exit compares the two most probable classes",
        lambda spec: _has_overlapping_classes(spec) and spec.stopping is not None,
    ),
    Exclusion(
        "`task: multilabel` or `binary`", "`output.format: pixels` or `coco-panoptic`",
        "there a pixel has one class",
        lambda spec: _has_overlapping_classes(spec) and spec.output.format in ONE_CLASS_FORMATS,
    ),
    Exclusion(
        "`task: multilabel` or `binary`", "`class_factors`",
        "each class has a threshold of its own in 'decision'",
        lambda spec: _has_overlapping_classes(spec) and bool(spec.class_factors),
    ),
    Exclusion(
        "`task: multilabel` or `binary`", "`output.values`", "a pixel's value has a bit for each class",
        lambda spec: _has_overlapping_classes(spec) and "values" in spec.output.model_fields_set,
    ),
    Exclusion(
        "`tile`", "`output.size`", "tiled images are written at their own size",
        lambda spec: spec.tile is not None and spec.output.size is not None,
    ),
    Exclusion(
        "`seg ensemble --deadline`", "`stopping`", "a deadline drops passes that early exit counts on",
        lambda spec: spec.stopping is not None, ("--deadline",),
    ),
    Exclusion(
        "`seg ensemble --deadline`", "`class_weights`", "shares differ by class, so no pass can be left out",
        _has_class_weights, ("--deadline",),
    ),
    Exclusion(
        "`seg ensemble --deadline`", "`covers`", "shares differ by pixel, so no pass can be left out",
        _has_specialists, ("--deadline",),
    ),
    Exclusion(
        "`seg ensemble --deadline`", "`stacking`", "it reads all passes, so none can be left out",
        _has_stacking, ("--deadline",),
    ),
    Exclusion(
        "`seg ensemble --deadline`", "`task: multilabel` or `binary`",
        "passes are ranked by what each adds to the most probable class",
        _has_overlapping_classes, ("--deadline",),
    ),
    Exclusion(
        "`seg doctor member`", "`task: multilabel` or `binary`", "ways of feeding are compared by mIoU",
        _has_overlapping_classes, ("doctor member",),
    ),
    Exclusion(
        "`seg export --fuse` or `--format triton-ensemble`",
        "`tile`", "one graph cannot cut images",
        lambda spec: spec.tile is not None, _GRAPHS,
    ),
    Exclusion(
        "`seg export --fuse` or `--format triton-ensemble`",
        "`views` with a scale", "graphs resize otherwise than the engine",
        _has_scaled_views, _GRAPHS,
    ),
    Exclusion(
        "`seg export --fuse` or `--format triton-ensemble`",
        "`decision` with regions", "a graph finds no regions: seg.engine.decision does, in what it returns",
        _decides_by_regions, _GRAPHS,
    ),
    Exclusion(
        "`seg export --format triton-ensemble`", "`merge_at: decoder`",
        "there members return whole probabilities; --format triton can",
        _merges_at_decoder, ("--format triton-ensemble",),
    ),
    Exclusion(
        "`seg export --format triton-ensemble`", "`merge: vote`",
        "votes are counted by view, and members return none; --format triton can",
        lambda spec: spec.merge == "vote", ("--format triton-ensemble",),
    ),
)  # fmt: skip


def exclusions_in_spec(spec: "EnsembleSpec", use: Use | None = None) -> Sequence[Exclusion]:
    """All that exclude each other in a spec, or in its use with an option of a command."""
    applying = (one for one in EXCLUSIONS if (use in one.uses if use else not one.uses))
    return [one for one in applying if one.has_both(spec)]


def refuse_exclusions(spec: "EnsembleSpec", use: Use | None = None) -> None:
    """Raise SpecError with a line for each exclusion."""
    if found := exclusions_in_spec(spec, use):
        raise SpecError("\n".join(one.message for one in found))
