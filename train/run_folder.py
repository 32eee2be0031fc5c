"""What a training run leaves in its folder, and whether that is what a recipe asks for.

    runs/<member>/
        run.json             recipe, dataset, versions, time and figures; `result` once it is finished
        metrics.csv          a line for each epoch
        model.safetensors    the best epoch's weights, with the model card inside
        best.safetensors     the same while training goes on
        last.ckpt            all that is needed to go on after a kill
"""

import csv
import io
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from seg.errors import ModelError, SpecError
from seg.files import write_text
from seg.spec.recipe import RecipeSpec

_LIBRARIES: Final = ("seg", "torch", "lightning", "segmentation-models-pytorch", "timm")
_WITHOUT_EFFECT: Final = frozenset({"workers"})


class Result(BaseModel):
    """The figures of a finished run; times in seconds, over all sittings."""

    best_epoch: int
    best_miou: float
    best_iou: dict[str, float | None]
    parameters: int
    seconds: float


class RunRecord(BaseModel):
    """`run.json`."""

    model_config = ConfigDict(extra="forbid")

    member: str
    recipe: dict[str, Any]
    classes: list[str]
    train_fingerprint: str
    val_fingerprint: str
    versions: dict[str, str]
    device: str
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one member's run."""

    path: Path

    @property
    def record_path(self) -> Path:
        return self.path / "run.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def best(self) -> Path:
        return self.path / "best.safetensors"

    @property
    def last(self) -> Path:
        return self.path / "last.ckpt"

    def record(self) -> RunRecord | None:
        """What `run.json` says, or None where there is none."""
        try:
            return RunRecord.model_validate_json(self.record_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise ModelError(
                f"{self.record_path}: is not a run's record: remove the folder to train again"
            ) from error

    def write_record(self, record: RunRecord) -> None:
        write_text(self.record_path, record.model_dump_json(indent=2) + "\n")

    def write_metrics(self, rows: list[dict[str, float]]) -> None:
        """Write `metrics.csv` anew with one line for each epoch."""
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.metrics, text.getvalue())

    def clear(self) -> None:
        """Remove what an earlier run left, so that training begins anew."""
        for file in (self.record_path, self.metrics, self.model, self.best, self.last):
            file.unlink(missing_ok=True)


def recipe_as_json(recipe: RecipeSpec) -> dict[str, Any]:
    """What decides the outcome of training, as plain JSON values."""
    return {
        name: value
        for name, value in recipe.model_dump(mode="json").items()
        if name in RecipeSpec.model_fields and name not in _WITHOUT_EFFECT
    }


def refuse_if_changed(folder: RunFolder, found: RunRecord, wanted: RunRecord) -> None:
    """Raise SpecError, naming what changed, if the folder's run is of another recipe or dataset."""
    for name, value in wanted.recipe.items():
        if found.recipe.get(name) != value:
            raise SpecError(
                f"{folder.path}: was trained with {name}: {found.recipe.get(name)!r}, the spec says"
                f" {value!r}: rename the member, or pass --retrain"
            )
    for name in ("classes", "train_fingerprint", "val_fingerprint"):
        if getattr(found, name) != getattr(wanted, name):
            raise SpecError(
                f"{folder.path}: was trained on other data ({name} differs):"
                " rename the member, or pass --retrain"
            )


def library_versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: version(name) for name in _LIBRARIES}
