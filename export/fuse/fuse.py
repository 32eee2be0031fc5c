"""Fuse an ensemble into one ONNX file, verified against the engine; if that fails, no file is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import onnx

from seg.engine.merging.decision import Decision
from seg.errors import VerificationError
from seg.export.fuse.card import EnsembleCard, FusionCheck, MemberCard
from seg.export.fuse.check import EngineReference, Model, check_fused_model, open_fused_model
from seg.export.fuse.compose import FusionSettings, compose_fused_graph
from seg.export.fuse.member_graphs import MemberGraph, read_member_graphs
from seg.export.fuse.output_names import FusedOutput
from seg.export.fuse.reference import reference_of
from seg.export.onnx_file.opset import opset_of
from seg.export.onnx_file.save import atomic_model, replace_model_card, save_onnx_model
from seg.export.onnx_file.verification_images import images_to_verify_on
from seg.image_type import ImageHWB, fused_image_type
from seg.labels.task import classes_overlap
from seg.spec import EnsembleSpec
from seg.spec.ensemble.compatibility import refuse_exclusions
from seg.spec.ensemble.decision import rules_of_classes

EXACT: Final = frozenset({"fp32", "bf16"})
"""Precisions whose file is in float32."""


@dataclass(frozen=True, slots=True)
class FusionRequest:
    """What the file is called inside, and what it gives, in this order."""

    name: str
    gives: tuple[FusedOutput, ...] = (FusedOutput.labels,)

    @classmethod
    def of(cls, name: str, outputs: Sequence[FusedOutput]) -> Self:
        """With each output once; labels where there are none."""
        return cls(name, tuple(dict.fromkeys(outputs)) or (FusedOutput.labels,))


def fuse_ensemble(
    spec: EnsembleSpec,
    request: FusionRequest,
    path: Path | str,
    images: Sequence[ImageHWB] | None = None,
) -> EnsembleCard:
    """Write all running members with their views, weights and merge as one ONNX file.

    It takes `image`, as the members do, and gives the outputs of the request at the same size.

    Args:
        spec: an ensemble whose members are exported.
        request: the name and the outputs.
        path: the file to write.
        images: what it is verified on, of any size; by default validation images.

    Returns:
        The card of the fused model, with the result of the verification.

    Raises:
        SpecError: the spec cuts images into tiles, which is in no graph.
        ModelError: a member's model is missing, not ours, or damaged.
        VerificationError: the fused model does not agree with the engine.

    Example:
        >>> from seg.export import FusionRequest, fuse_ensemble
        >>> from seg.spec.ensemble.from_models import spec_from_models
        >>> spec = spec_from_models(["a.onnx", "b.onnx"], views="hflip", weights=[2, 1])
        >>> card = fuse_ensemble(spec, FusionRequest("team"), "team.onnx")
        >>> card.verification.agreement > 0.999
        True
    """
    refuse_exclusions(spec, "--fuse")
    path = Path(path)
    members = read_member_graphs(spec)
    settings = fusion_settings_of(spec, request, members)
    graph = compose_fused_graph(members, settings)
    card = _card_of_ensemble(spec, request, members, settings.decision, opset_of(graph))
    with atomic_model(path) as temporary:
        card = save_onnx_model(graph, card, temporary)
        onnx.checker.check_model(temporary, full_check=True)
        try:
            verification = check_fusion_against_engine(
                open_fused_model(temporary), members, images or images_to_verify_on(spec), reference_of(spec)
            )
        except VerificationError as error:
            raise VerificationError(f"{path}: {error}") from error
        card = card.model_copy(update={"verification": verification})
        replace_model_card(temporary, card)
    return card


def fusion_settings_of(
    spec: EnsembleSpec, request: FusionRequest, members: Sequence[MemberGraph]
) -> FusionSettings:
    """What the spec and the request say of it.

    Raises:
        SpecError: a class factor is for no class, or the stacking is for others.
    """
    classes = members[0].card.classes
    decision = Decision(
        factors=spec.factors_of(classes), task=spec.data.task, rules=rules_of_classes(spec.decision, classes)
    )
    return FusionSettings(spec.merge, decision, request.gives, spec.export.opset, spec.stacking_of(classes))


def check_fusion_against_engine(
    model: Model, members: Sequence[MemberGraph], images: Sequence[ImageHWB], reference: EngineReference
) -> FusionCheck:
    """Hold what these members make together to what the engine says; raises VerificationError."""
    stride = max(member.card.input.stride for member in members)
    exactly = all(member.card.precision in EXACT for member in members)
    taken = fused_image_type([member.card.input.image_type for member in members])
    images = [taken.convert(image) for image in images]
    return check_fused_model(model, images, reference, stride=stride, exactly=exactly)


def _card_of_ensemble(
    spec: EnsembleSpec, request: FusionRequest, members: Sequence[MemberGraph], decision: Decision, opset: int
) -> EnsembleCard:
    classes, overlap = members[0].card.classes, classes_overlap(decision.task)
    return EnsembleCard(
        name=request.name,
        task=decision.task,
        classes=classes,
        unlabelled=members[0].card.unlabelled,
        merge=spec.merge,
        merge_at=spec.merge_at,
        class_factors=spec.class_factors,
        is_stacked=spec.stacking is not None,
        thresholds=decision.thresholds_of(len(classes)) if overlap else (),
        gives=request.gives,
        members=tuple(
            MemberCard(
                name=member.name,
                share=member.share,
                class_shares=member.class_shares,
                temperature=own.temperature,
                views=member.views,
                sha256=member.sha256,
                card=member.card,
            )
            for member, own in zip(members, spec.running, strict=True)
        ),
        opset=opset,
    )
