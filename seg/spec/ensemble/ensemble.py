"""The ensemble spec: one YAML from labelled images to a submission."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import Field, model_validator

from seg.experimental import help_marked_experimental
from seg.labels.classes import ClassInfo
from seg.labels.task import classes_overlap
from seg.spec.base import LocalPath, Spec
from seg.spec.dataset.dataset import DATASET_OR_PATH, DatasetSpec
from seg.spec.dataset.folds import FoldsSpec
from seg.spec.ensemble.by_class import (
    coverage_by_class,
    names_of_listed_classes,
    numbers_by_class,
    refuse_unlisted_classes,
)
from seg.spec.ensemble.compatibility import exclusions_in_spec
from seg.spec.ensemble.decision import DecisionSpec
from seg.spec.ensemble.export import ExportSpec
from seg.spec.ensemble.member import MemberSpec, Views, network_input_of_imported
from seg.spec.ensemble.metric import MIOU, Metric
from seg.spec.ensemble.output import RLE_FORMATS, OutputSpec
from seg.spec.ensemble.prediction import (
    BatchSize,
    ByClass,
    MergeName,
    MergePlace,
    RuntimeName,
    Stopping,
    TileSpec,
)
from seg.spec.ensemble.stacking import STACKING_OR_PATH, Stacking, StackingSpec
from seg.spec.ensemble.tuned_on import TunedOnSpec
from seg.spec.recipe.recipe import RecipeSpec
from seg.spec.recipe.student import StudentSpec
from seg.spec.yaml.source import load_yaml
from seg.views import VIEW_SETS, ViewName

MOST_MEMBERS: Final = 1000

LoggerName = Literal["tensorboard", "mlflow"]
"""Where the figures of training go beside `metrics.csv`."""


class EnsembleSpec(Spec):
    """An ensemble: data, members, views, merge, runtime and output."""

    data: Annotated[DatasetSpec, DATASET_OR_PATH]
    """The dataset: the path of a dataset YAML, or its keys in place."""
    members: tuple[MemberSpec, ...] = Field(min_length=1, max_length=MOST_MEMBERS)
    """The members."""
    recipe: RecipeSpec = Field(
        RecipeSpec(),
        description=help_marked_experimental(
            "The training recipe that the members share.", "training on a GPU"
        ),
    )
    views: Views = VIEW_SETS["none"]
    """Test-time augmentation: `none`, `hflip`, `flips`, `rot90`, `d4`, or a list of views."""
    merge: MergeName = "mean"
    """How probabilities are merged: weighted mean, weighted geometric mean, or votes for labels."""
    merge_at: MergePlace = "image"
    """Where probabilities are merged. `decoder` merges before the last upsampling: faster, nearly the same
    labels.
    """
    class_factors: ByClass = Field(default_factory=dict)
    """Factors on the merged probabilities of single classes, by name, before the largest wins."""
    stacking: Annotated[StackingSpec | None, STACKING_OR_PATH] = None
    """A fitted correction of the mean from the probabilities of all members, or the path of its YAML;
    `seg tune` writes it.
    """
    decision: DecisionSpec = DecisionSpec()
    """How probabilities become masks: a threshold for each class, and which regions stay."""
    metric: Metric = MIOU
    """What predictions are judged by: the best epoch, scores, tuning and reports."""
    tuned_on: TunedOnSpec | None = None
    """The images that weights and factors were fitted on; `seg tune` writes it."""
    stopping: Stopping | None = None
    """Early exit: when an image needs no further pass. `seg calibrate` writes it."""
    tile: TileSpec | None = None
    """Predict large images in overlapping tiles."""
    runtime: Literal["auto", RuntimeName] = Field(
        "auto",
        description=help_marked_experimental(
            "What runs the networks. `auto` tries each and takes the fastest for each member.",
            *(f"runtime: {name}" for name in get_args(RuntimeName)),
        ),
    )
    batch_size: BatchSize = "auto"
    """Passes in one batch. `auto` is what suits the runtime."""
    folds: FoldsSpec | None = None
    """Cross-validation folds of the training images."""
    student: StudentSpec | None = None
    """The network that `seg distill` trains on the ensemble's probabilities."""
    export: ExportSpec = ExportSpec()
    """How members are exported."""
    output: OutputSpec = Field(default_factory=dict, validate_default=True)
    """What `seg ensemble` writes."""
    loggers: tuple[LoggerName, ...] = ()
    """Where training figures are logged besides `metrics.csv`."""
    runs: LocalPath = Field(default=Path("runs"), validate_default=True)
    """The folder of run folders."""

    @model_validator(mode="after")
    def _member_names_are_distinct(self) -> Self:
        names = [member.name for member in self.members]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two members are named {name!r}: a name is also a folder in runs")
        return self

    @model_validator(mode="after")
    def _student_is_no_member(self) -> Self:
        if self.student and self.student.name in {member.name for member in self.members}:
            raise ValueError(
                f"the student is named {self.student.name!r} like a member, which would teach it: rename it"
            )
        return self

    @model_validator(mode="after")
    def _folds_are_there(self) -> Self:
        for member in self.members:
            if member.fold is None:
                continue
            if self.folds is None:
                raise ValueError(f"{member.name}: 'fold' needs 'folds': say 'folds: {{count: 5}}'")
            if member.fold >= self.folds.count:
                raise ValueError(
                    f"{member.name}: there is no fold {member.fold} of {self.folds.count}: they begin with 0"
                )
        return self

    @model_validator(mode="after")
    def _runs_are_counted_as_in_the_labels(self) -> Self:
        labels = self.data.train.labels if self.data.train else None
        output = self.output
        if labels is None or not (output.sample or output.columns) or "rle" in output.model_fields_set:
            return self
        for key in ("order", "first") if output.format in RLE_FORMATS else ():
            theirs, ours = getattr(labels, key), getattr(output.rle, key)
            if theirs != ours:
                raise ValueError(
                    f"the labels' run lengths have {key}: {theirs}, and those of the output {key}: {ours}:"
                    f" set output: {{rle: {{{key}: {theirs}}}}}, or {ours} if the contest wants that"
                )
        return self

    @model_validator(mode="after")
    def _some_member_has_weight(self) -> Self:
        if not self.running:
            raise ValueError("no member has a weight above 0: give one of them a weight")
        return self

    @model_validator(mode="after")
    def _no_option_excludes_another(self) -> Self:
        if found := exclusions_in_spec(self):
            raise ValueError("; ".join(one.message for one in found))
        return self

    @model_validator(mode="after")
    def _decision_is_of_the_task(self) -> Self:
        if classes_overlap(self.data.task):
            return self
        given = {key for rule in self.decision.rules for key in rule.model_fields_set}
        for key in sorted(given - {"least_area", "connectivity"}):
            raise ValueError(f"decision: {key} is for task: binary or multilabel, and data has multiclass")
        return self

    @model_validator(mode="after")
    def _classes_are_those_of_the_dataset(self) -> Self:
        plain = self.tile.plain.label if self.tile and self.tile.plain else None
        of_members = {
            f"members.{position}.{key}": getattr(member, key)
            for position, member in enumerate(self.members)
            for key in ("covers", "class_weights")
        }
        of_all: dict[str, Iterable[str]] = {
            "class_factors": self.class_factors,
            "decision.classes": self.decision.classes,
            **self.metric.classes_named,
            "output.drop": self.output.drop,
            "tile.plain.label": [plain] if plain else [],
            "stacking.classes": self.stacking.classes if self.stacking else (),
        }
        refuse_unlisted_classes(self.data, of_all | of_members)
        known = names_of_listed_classes(self.data)
        if known and set(known) <= set(self.metric.without):
            raise ValueError("'metric.without' leaves no class to judge: remove one of them")
        return self

    @model_validator(mode="after")
    def _a_specialist_has_others(self) -> Self:
        specialist = next((member.name for member in self.running if member.covers), None)
        if specialist is not None and all(member.covers for member in self.running):
            raise ValueError(
                f"{specialist}: 'covers' needs a member that knows all classes: add one, or remove it"
            )
        return self

    @model_validator(mode="after")
    def _stacking_is_of_the_members(self) -> Self:
        if self.stacking:
            self.stacking.refuse_other_members([member.name for member in self.running])
        return self

    @property
    def running(self) -> tuple[MemberSpec, ...]:
        """The members that have weight."""
        return tuple(member for member in self.members if member.weight > 0)

    def member(self, name: str) -> MemberSpec:
        """The member of that name; raises KeyError."""
        return next(member for member in self.members if member.name == name)

    def recipe_of(self, member: MemberSpec) -> RecipeSpec:
        """The ensemble's recipe with what the member says put over it."""
        own = {
            field: getattr(member, field)
            for field in member.model_fields_set & RecipeSpec.model_fields.keys()
        }
        if "input" in own:
            own["input"] = network_input_of_imported(member.input)
        return self.recipe.model_copy(update=own)

    def member_of(self, student: StudentSpec) -> MemberSpec:
        """A student as a member, which trains, exports and runs like any other."""
        return MemberSpec(name=student.name).model_copy(update=student.own_recipe)

    def run_folder(self, member: MemberSpec) -> Path:
        """Where the member's training leaves its files: `<runs>/<name>`."""
        return self.runs / member.name

    def checkpoint(self, member: MemberSpec) -> Path:
        return self.run_folder(member) / "model.safetensors"

    def model(self, member: MemberSpec) -> Path:
        """The exported model of a member: the one it names, or the one its run leaves."""
        return member.model or self.run_folder(member) / "model.onnx"

    def views_of(self, member: MemberSpec) -> tuple[ViewName, ...]:
        return member.views or self.views

    def factors_of(self, classes: Sequence[ClassInfo]) -> tuple[float, ...]:
        """`class_factors` in the order of the classes, or nothing; SpecError where one is for no class."""
        return numbers_by_class("class_factors", self.class_factors, classes)

    def stacking_of(self, classes: Sequence[ClassInfo]) -> Stacking | None:
        """The stacking of the members that have weight; SpecError where it is for other classes."""
        names = [member.name for member in self.running]
        return self.stacking.in_order(names, classes) if self.stacking else None

    def class_weights_of(self, classes: Sequence[ClassInfo]) -> tuple[tuple[float, ...], ...]:
        """The same for `class_weights` of the members that have weight; 0 for classes they do not cover."""
        factors = (
            numbers_by_class(f"members: {member.name}: class_weights", member.class_weights, classes)
            for member in self.running
        )
        return tuple(
            tuple(factor * known for factor, known in zip(own or (1.0,) * len(classes), covered, strict=True))
            if covered
            else own
            for own, covered in zip(factors, self.coverage_of(classes), strict=True)
        )

    def coverage_of(self, classes: Sequence[ClassInfo]) -> tuple[tuple[float, ...], ...]:
        """For each member that has weight 1 for each class that it covers, else 0; empty if it covers all."""
        return tuple(
            coverage_by_class(f"members: {member.name}: covers", member.covers, classes)
            for member in self.running
        )


def load_ensemble(path: Path | str) -> EnsembleSpec:
    """Read an ensemble spec; raises SpecError with the line of each mistake."""
    return load_yaml(EnsembleSpec, Path(path))
