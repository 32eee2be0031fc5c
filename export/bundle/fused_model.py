"""A whole ensemble as one model of the contract: images in, merged probabilities out."""

from pathlib import Path

from seg.errors import SpecError
from seg.export.fuse.card import FusionCheck
from seg.export.fuse.fuse import FusionRequest, fuse_ensemble
from seg.export.fuse.output_names import FusedOutput
from seg.export.onnx_file.save import replace_model_card
from seg.image_type import fused_image_type
from seg.models.card import InputCard, ModelCard, VerificationCard
from seg.spec import EnsembleSpec
from seg.spec.ensemble.decision import DecisionSpec


def fuse_to_model(spec: EnsembleSpec, name: str, path: Path) -> ModelCard:
    """Write an ensemble as one model, which the engine runs like any other; it is verified as a fused file.

    Factors of classes and decisions are not in it: what runs it applies them.

    Raises:
        SpecError: the spec cannot be fused, or no member takes all the bands that the members take together.
        ModelError: a member's model is missing, not ours, or damaged.
        VerificationError: the fused model does not agree with the engine.
    """
    undecided = spec.model_copy(update={"decision": DecisionSpec()})
    fused = fuse_ensemble(undecided, FusionRequest(name, (FusedOutput.probabilities,)), path)
    members = [member.card for member in fused.members]
    assert fused.verification is not None, "of what is just written"
    card = ModelCard(
        name=name,
        architecture="ensemble",
        encoder="",
        task=fused.task,
        classes=fused.classes,
        unlabelled=fused.unlabelled,
        input=_input_of_fused_model(members),
        weights_sha256=fused.weights_sha256,
        opset=fused.opset,
        verification=_fusion_verification(fused.verification),
    )
    replace_model_card(path, card)
    return card


def _input_of_fused_model(members: list[ModelCard]) -> InputCard:
    """That of a member which takes what all take together; the graph pads for itself."""
    taken = fused_image_type(member.input.image_type for member in members)
    for member in members:
        if (member.input.pixels, member.input.bands) == (taken.pixels, taken.bands):
            return member.input.model_copy(update={"mode": "pad", "stride": 1, "size_hw": None})
    raise SpecError(f"no member takes {taken}, which all take together: bundle the members")


def _fusion_verification(check: FusionCheck) -> VerificationCard:
    return VerificationCard(
        images=sum(count for count, _, _ in check.shapes_nhw),
        batch_sizes=tuple(sorted({count for count, _, _ in check.shapes_nhw})),
        sizes_hw=tuple(dict.fromkeys((height, width) for _, height, width in check.shapes_nhw)),
        largest_difference=check.largest_difference or 0.0,
        label_agreement=check.agreement,
    )
