"""A fused model that is there already: whose it is."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from seg.errors import ModelError, OutputError
from seg.export.fuse.card import EnsembleCard
from seg.models.card import ENSEMBLE_KEY
from seg.models.safety import load_safe_onnx
from seg.terminal.notices import notice


def refuse_fused_of_others(path: Path, members: Sequence[str]) -> None:
    """Raise OutputError if a file holds a fused model that has none of these members.

    Two ensembles of one name may write to the same file. Where they share some members, a notice names those
    of the model that is replaced: that may also be an earlier state of this ensemble.
    """
    before = _members_of_fused(path)
    if not before or set(before) == set(members):
        return
    if set(before).isdisjoint(members):
        raise OutputError(
            f"{path}: is the fused model of other members ({', '.join(before)}): name another file with"
            " --output, or add --overwrite"
        )
    notice(f"{path}: replaces a fused model of {', '.join(before)}")


def _members_of_fused(path: Path) -> list[str]:
    """The names in the file's card; none if it has no card, or is not there."""
    try:
        properties = load_safe_onnx(path).metadata_props
    except ModelError:
        return []
    for entry in properties:
        if entry.key == ENSEMBLE_KEY:
            try:
                return [member.name for member in EnsembleCard.model_validate_json(entry.value).members]
            except ValidationError:
                return []
    return []
