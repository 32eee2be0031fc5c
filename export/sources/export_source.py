"""Export a member that was trained elsewhere: under the contract, and compared with its source."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from seg.card import ModelCard, SourceCard
from seg.classes import ClassInfo
from seg.errors import ModelError, VerificationError
from seg.export.onnx_file.compare import compare
from seg.export.onnx_file.save import atomic_model, replace_card
from seg.export.onnx_file.verification_batches import ImagesNHWC
from seg.export.sources.declaration import Declaration
from seg.export.sources.reference import reference_probabilities
from seg.export.sources.resolve import resolve
from seg.export.sources.source import RawNetwork, Source
from seg.labels import ImageHWC
from seg.model_file import read_model_card
from seg.spec import MemberSpec
from seg.spec.dataset import UNLABELLED_IGNORED

_AS_JSON: Any = TypeAdapter(Declaration)


def export_source(
    member: MemberSpec,
    source: Source,
    model: Path,
    ours: Sequence[ClassInfo],
    unlabelled: str,
    images: Sequence[ImageHWC],
    opset: int | None = None,
) -> ModelCard:
    """Export an opened source to `model` and compare the result with it on `images`.

    Args:
        member: what the YAML declares.
        source: the opened file or folder.
        model: the file to write.
        ours: the dataset's classes.
        unlabelled: what unlabelled pixels mean: `ignore`, or a class.
        images: uint8 RGB of any size.
        opset: the version of ONNX's operators; by default the oldest that the graph can be written in.

    Raises:
        ModelError: the declaration is not complete, or does not fit the source.
        VerificationError: fewer than 99.9% of the labels are the source's.
    """
    declared = resolve(member, source.facts, ours, None if unlabelled == UNLABELLED_IGNORED else unlabelled)
    card = ModelCard(
        name=member.name,
        architecture=source.architecture,
        encoder=source.encoder,
        classes=tuple(ours),
        unlabelled=unlabelled,
        input=declared.input.card,
        source=SourceCard(
            kind=source.kind,
            file=source.path.name,
            sha256=source.sha256,
            declared_sha256=declared_sha256(member, ours),
            declaration=_AS_JSON.dump_python(declared, mode="json", exclude={"assumed"}),
            assumed=declared.assumed,
        ),
    )
    network = source.network(declared.output.name)
    with atomic_model(model) as temporary:
        card = source.write(declared, card, temporary, opset)
        try:
            verification = compare(
                temporary,
                lambda batch_nhwc: _one_by_one(network, batch_nhwc, declared, source.path),
                images,
                declared.input.stride,
                f"{source.path.name} as declared",
            )
        except VerificationError as error:
            raise VerificationError(str(error).replace(str(temporary), str(model))) from error
        card = card.model_copy(update={"verification": verification})
        replace_card(temporary, card)
    return card


def is_exported_source(
    member: MemberSpec, source_sha256: str, ours: Sequence[ClassInfo], model: Path
) -> bool:
    """Whether `model` exists, is verified, and was made of this source as it is declared now."""
    if not model.exists():
        return False
    try:
        card = read_model_card(model)
    except ModelError:
        return False
    return (
        card.verification is not None
        and card.source is not None
        and card.source.sha256 == source_sha256
        and card.source.declared_sha256 == declared_sha256(member, ours)
    )


def declared_sha256(member: MemberSpec, ours: Sequence[ClassInfo]) -> str:
    """A SHA-256 of what the YAML declares of a source, and of the dataset's classes."""
    keys = {"architecture", "encoder", "input", "output", "classes", "covers"}
    declared = member.model_dump(mode="json", include=keys, exclude_unset=True)
    text = json.dumps([declared, [(c.id, c.name) for c in ours]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _one_by_one(
    network: RawNetwork, batch_nhwc: ImagesNHWC, declared: Declaration, path: Path
) -> NDArray[np.float32]:
    probabilities = np.stack([reference_probabilities(network, image, declared) for image in batch_nhwc])
    if not np.isfinite(probabilities.sum()):
        raise VerificationError(f"{path}: its own output is not finite on these images: correct its 'input'")
    return probabilities
