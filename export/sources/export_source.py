"""Export a member that was trained elsewhere: under the contract, and compared with its source."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from seg.errors import ModelError, VerificationError
from seg.export.onnx_file.compare import compare_with_source
from seg.export.onnx_file.save import atomic_model, replace_model_card
from seg.export.onnx_file.verification_batches import VERIFIED_IMAGES, ImagesNHWC
from seg.export.precision.request import fulfils_precision_request
from seg.export.sources.declaration import Declaration
from seg.export.sources.observed_values import (
    kind_by_values,
    observe_values,
    refuse_other_units,
    refuse_other_values,
)
from seg.export.sources.reference import reference_probabilities
from seg.export.sources.resolve import resolve_declaration
from seg.export.sources.source import RawNetwork, Source
from seg.export.sources.stride_trial import refuse_wrong_stride
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ImageHWC
from seg.labels.task import Task
from seg.models.card import ModelCard, SourceCard
from seg.models.model_file import read_verified_card
from seg.spec import DatasetSpec, ExportSpec, MemberSpec
from seg.terminal.progress import progress

_AS_JSON: Any = TypeAdapter(Declaration)


def export_source(
    member: MemberSpec,
    source: Source,
    model: Path,
    ours: Sequence[ClassInfo],
    data: DatasetSpec,
    images: Sequence[ImageHWC],
    request: ExportSpec,
) -> ModelCard:
    """Export an opened source to `model` and compare the result with it on `images`.

    Args:
        member: what the YAML declares.
        source: the opened file or folder.
        model: the file to write.
        ours: the dataset's classes.
        data: the dataset, whose splits precisions other than fp32 are tried on.
        images: uint8 RGB of any size.
        request: the precision and opset.

    Raises:
        ModelError: the declaration is not complete, or does not fit the source or what it returns.
        VerificationError: fewer than 99.9% of the labels are the source's, or no precision passes.
    """
    background = None if data.ignores_unlabelled else data.unlabelled
    declared = resolve_declaration(member, source.facts, ours, background, data.task)
    refuse_other_units(declared.input, member)
    network = source.network(declared.output.name)
    refuse_wrong_stride(network, declared.input, source.path)
    observed = observe_values(network, images, declared)
    declared = kind_by_values(declared, observed, member)
    refuse_other_values(declared, observed, member)
    card = ModelCard(
        name=member.name,
        architecture=source.architecture,
        encoder=source.encoder,
        task=data.task,
        classes=tuple(ours),
        unlabelled=data.unlabelled,
        input=declared.input.card,
        source=SourceCard(
            kind=source.kind,
            file=source.path.name,
            sha256=source.sha256,
            declared_sha256=member.declared_sha256(ours, data.task),
            declaration=_AS_JSON.dump_python(declared, mode="json", exclude={"assumed"}),
            assumed=declared.assumed,
        ),
    )
    with atomic_model(model) as temporary:
        with progress(f"export {member.name}", 1 + VERIFIED_IMAGES, unit="steps") as advance:
            card = source.write(declared, card, temporary, request.opset)
            advance(note="verify")
            try:
                verification = compare_with_source(
                    temporary,
                    lambda batch_nhwc: _source_probabilities(network, batch_nhwc, declared, source.path),
                    images,
                    declared.input.stride,
                    f"{source.path.name} as declared",
                    data.task,
                    advance,
                )
            except VerificationError as error:
                raise VerificationError(str(error).replace(str(temporary), str(model))) from error
        card = card.model_copy(update={"verification": verification})
        replace_model_card(temporary, card)
        if request.precision not in ("fp32", card.precision):
            card = _export_in_asked_precision(source, declared, card, temporary, data, request)
    return card


def _export_in_asked_precision(
    source: Source,
    declared: Declaration,
    card: ModelCard,
    path: Path,
    data: DatasetSpec,
    request: ExportSpec,
) -> ModelCard:
    """Try other precisions of the verified model; a network that is not fp32 stays as it is."""
    if card.precision != "fp32":
        if request.precision == "auto":
            return card
        raise ModelError(
            f"{source.path}: is {card.precision} already, and stays so: precision {request.precision} is not"
            " made of it"
        )
    # It needs torch, which a network that is exported as it is does not.
    from seg.export.precision.choose import choose_precision
    from seg.export.precision.trial import precision_trial_of_classes

    half = source.half
    trial = precision_trial_of_classes(card.classes, card.task, source.path, data, request)
    write_half = partial(half.write, declared, opset=request.opset) if half else None
    return choose_precision(path, write_half, card, trial)


def is_exported_source(
    member: MemberSpec,
    source_sha256: str,
    ours: Sequence[ClassInfo],
    task: Task,
    model: Path,
    request: ExportSpec | None,
) -> bool:
    """Whether `model` is there, verified, of this source as it is declared now, and as requested."""
    card = read_verified_card(model)
    return (
        card is not None
        and card.source is not None
        and card.source.sha256 == source_sha256
        and card.source.declared_sha256 == member.declared_sha256(ours, task)
        and (request is None or fulfils_precision_request(card, request))
    )


def _source_probabilities(
    network: RawNetwork, batch_nhwc: ImagesNHWC, declared: Declaration, path: Path
) -> NDArray[np.float32]:
    probabilities = np.stack([reference_probabilities(network, image, declared) for image in batch_nhwc])
    if not np.isfinite(probabilities.sum()):
        raise VerificationError(f"{path}: its own output is not finite on these images: correct its 'input'")
    return probabilities
