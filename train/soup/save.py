"""Save a soup as a run folder, like that of a trained member."""

import math

from seg.errors import OutputError
from seg.runs import write_run_note
from seg.train.networks.checkpoint import save_checkpoint
from seg.train.run.folder import RunFolder
from seg.train.run.record import read_run_record
from seg.train.soup.greedy import SoupCandidate


def save_soup(folder: RunFolder, name: str, soup: SoupCandidate) -> None:
    """Write checkpoint, record and note; an older soup in the folder is replaced.

    Recipe, epochs and seed are those of the first ingredient.

    Raises:
        OutputError: the folder has a run that is not a soup.
    """
    before = read_run_record(folder.record)
    if before is not None and not before.ingredients:
        raise OutputError(f"{folder.path}: has a run that is not a soup: give the soup another --name")
    folder.refuse_foreign()
    first = soup.taken[0]
    classes = [c.name for c in first.card.classes]
    iou = {c: None if math.isnan(value) else value for c, value in zip(classes, soup.iou, strict=True)}
    result = first.result.model_copy(update={"best_miou": soup.miou, "best_iou": iou})
    record = first.record.model_copy(
        update={
            "member": name,
            "ingredients": {ingredient.name: ingredient.sha256 for ingredient in soup.taken},
            "result": result,
        }
    )
    training = first.card.training and first.card.training.model_copy(update={"value": soup.miou})
    card = first.card.model_copy(update={"name": name, "training": training})
    with folder.locked():
        save_checkpoint(folder.model, soup.segmenter.network, card)
        folder.write_record(record)
        write_run_note(folder.path, leaderboard=None, text=f"soup of {', '.join(soup.names)}")
