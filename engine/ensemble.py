"""Ensembles: loaded members as one predictor."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from seg.data.images.raster import Raster
from seg.engine.early_exit.deadline import PassBudget
from seg.engine.early_exit.rules import Stopping
from seg.engine.from_models import Model, load_models
from seg.engine.load import LoadedMembers, load_members
from seg.engine.member import Member, default_pass_order
from seg.engine.merging.decision import Decision
from seg.engine.merging.device_ops import DeviceOps
from seg.engine.passes.passes import PassOrder, Size
from seg.engine.passes.plain_tiles import PlainTiles
from seg.engine.passes.views import VIEWS
from seg.engine.pipeline.collectors import Collector, ProbabilityCollector, StripResults
from seg.engine.pipeline.config import PipelineConfig
from seg.engine.pipeline.frames import OnDamaged
from seg.engine.pipeline.image_input import image_as_raster
from seg.engine.pipeline.label_collectors import new_label_collector
from seg.engine.pipeline.pipeline import run_pipeline
from seg.engine.pipeline.reorder import results_in_order
from seg.engine.pipeline.timing import Clock
from seg.engine.prediction import Prediction
from seg.engine.resolved import ResolvedEnsemble, resolve_ensemble
from seg.image_type import ImageHWB, ImageType
from seg.labels.classes import ClassInfo
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.task import LabelMap, Task
from seg.pixel_range import PixelRange
from seg.spec import EnsembleSpec
from seg.spec.base import did_you_mean
from seg.spec.ensemble.decision import ClassRule, rules_of_classes
from seg.spec.ensemble.prediction import MergeName, RuntimeName, TileSpec
from seg.spec.ensemble.stacking import Stacking
from seg.views import ViewName

if TYPE_CHECKING:
    from PIL.Image import Image

Key = TypeVar("Key")
Finished = TypeVar("Finished")


def name_of_key(key: object) -> str:
    """The name of an image in messages: its key's id, if it has one, else the key."""
    return "" if key is None else str(getattr(key, "id", key))


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Loaded members, ready to predict. Writes no files.

    Attributes:
        members: all with the same classes.
        batch_size: the most passes in a batch.
        merge: how the probabilities of all passes are merged.
        factors: of each class, applied to the merged probabilities before the argmax.
        rules: of each class, for its threshold and regions; by default none but the threshold.
        tile: how larger images are cut.
        notes: for the user, on how it was loaded, a line each.
        open_frames: the least number of images or tiles in progress at once. Offloaded members are loaded
            once for this many.
        stacking: what corrects the merged probabilities of each image or tile, if anything.
        device_ops: merges on the device, if all members leave their probabilities on the same one.
    """

    members: tuple[Member, ...]
    batch_size: int
    merge: MergeName = "mean"
    factors: tuple[float, ...] = ()
    tile: TileSpec | None = None
    notes: tuple[str, ...] = ()
    open_frames: int = 0
    device_ops: DeviceOps | None = None
    rules: tuple[ClassRule, ...] = ()
    stacking: Stacking | None = None

    @classmethod
    def load(
        cls,
        spec: EnsembleSpec | Path | str,
        *,
        memory: int | None = None,
        cores: int | None = None,
        runtimes: Sequence[RuntimeName] | None = None,
    ) -> Self:
        """Load all members of a spec, or of the YAML file at a path.

        Args:
            memory: the most bytes that this process may use; members that do not fit together take turns.
            cores: the number to use; by default all that this process may use.
            runtimes: one for each member, if already chosen; by default the spec's.

        Raises:
            SpecError, ModelError, MissingRuntimeError: one line that names the fix.
        """
        return cls.of(resolve_ensemble(spec), memory=memory, cores=cores, runtimes=runtimes)

    @classmethod
    def of(
        cls,
        resolved: ResolvedEnsemble,
        *,
        memory: int | None = None,
        cores: int | None = None,
        runtimes: Sequence[RuntimeName] | None = None,
    ) -> Self:
        """Load all members of an ensemble whose files were read; arguments and errors are those of `load`."""
        return cls._of_loaded(resolved.spec, load_members(resolved, memory, cores, runtimes))

    @classmethod
    def from_models(
        cls,
        models: Sequence[Model],
        *,
        classes: Sequence[str] | None = None,
        weights: Sequence[float] | None = None,
        task: Task | None = None,
        **options: object,
    ) -> Self:
        """Load exported models, and take functions for what cannot be exported.

        Args:
            models: paths of exported models, and functions from RGB images, uint8 `[N, H, W, 3]`, to
                probabilities, float32 `[N, C, H, W]`. A function is called for one batch at a time.
            classes: the names of the classes, needed if all models are functions.
            weights: one for each model; by default all are equal.
            task: `binary` or `multilabel` where functions return sigmoids; by default what the first
                file's card says.
            options: further keys of an ensemble's YAML: `views`, `merge`, `tile`, ...

        Raises:
            ValueError: an option has no such value, or no model says the classes.
            SpecError, ModelError, MissingRuntimeError: one line that names the fix.

        Example:
            >>> import numpy as np
            >>> from seg import Ensemble
            >>> def uniform(images_nhwc):
            ...     return np.full((len(images_nhwc), 4, *images_nhwc.shape[1:3]), 0.25, np.float32)
            >>> ensemble = Ensemble.from_models(["a.onnx", uniform], views="hflip", weights=[3, 1])
            >>> ensemble.predict("a.png").labels.shape
            (21, 34)
        """
        return cls._of_loaded(*load_models(models, classes, weights, task, options))

    @classmethod
    def _of_loaded(cls, spec: EnsembleSpec, loaded: LoadedMembers) -> Self:
        return cls(
            loaded.members,
            loaded.batch_size,
            spec.merge,
            loaded.factors,
            spec.tile,
            loaded.notes,
            loaded.open_frames,
            loaded.device_ops,
            rules_of_classes(spec.decision, loaded.members[0].card.classes),
            loaded.stacking,
        )

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        return self.members[0].card.classes

    @property
    def task(self) -> Task:
        """Whether a pixel has one of the classes, or each class its own probability."""
        return self.members[0].card.task

    @property
    def pixel_range(self) -> PixelRange | None:
        """The pixel range of the first member, whose percentiles all share; None if images are uint8 RGB."""
        return self.members[0].card.input.pixel_range

    @property
    def image_types(self) -> tuple[ImageType, ...]:
        """What each member takes."""
        return tuple(member.card.input.image_type for member in self.members)

    @property
    def passes(self) -> int:
        """The number of passes of an image, or of each of its tiles."""
        return sum(len(member.views) for member in self.members)

    @property
    def streams(self) -> int:
        """How many batches run at once."""
        return min(member.runtime.describe().streams.count for member in self.members)

    def passes_in_order(self, positions: Sequence[int]) -> PassOrder:
        """The passes of an image in another order, given as positions in the default one."""
        usual = default_pass_order(self.members)
        return [usual[position] for position in positions]

    def predict(self, image: "ImageHWB | Path | str | Image") -> Prediction:
        """Predict one image: uint8 RGB `[H, W, 3]`, a file, or a PIL image in mode RGB.

        Members of bands take uint8, uint16 or float32 `[H, W, B]`, in the values of their files.

        Example:
            >>> prediction = Ensemble.load("mine.yaml").predict("a.png")
            >>> prediction.labels.dtype, prediction.probabilities.shape
            (dtype('uint8'), (4, 21, 34))

        Raises:
            ValueError: it is not such an image.
            DataError: the file cannot be read.
            ModelError: a member cannot run it, or its probabilities are not finite.
        """
        name = str(image) if isinstance(image, Path | str) else None
        images = [(name, image_as_raster(image, self.pixel_range, self.image_types))]
        return next(self.predict_all(images, lambda _, merged: self._prediction(merged)))

    def predict_many(self, images: "Iterable[ImageHWB | Path | str | Image]") -> Iterator[Prediction]:
        """Predict images one after another, in batches across them; results come in the order of the images.

        Args:
            images: each as `predict` takes it. They are taken from the iterable only as fast as needed.

        Raises:
            ValueError, DataError, ModelError: as `predict`, at the first such image.

        Example:
            >>> ensemble = Ensemble.load("mine.yaml")
            >>> for prediction in ensemble.predict_many(["a.png", "b.png"]):
            ...     print(prediction.labels.shape)
            (21, 34)
            (21, 34)
        """
        numbered = (
            (number, image_as_raster(image, self.pixel_range, self.image_types))
            for number, image in enumerate(images)
        )
        return results_in_order(self.predict_all(numbered, lambda n, m: (n, self._prediction(m))))

    def predict_all(
        self,
        images: Iterable[tuple[Key, Raster]],
        finish: Callable[[Key, ProbabilitiesCHW], Finished],
        clock: Clock | None = None,
        *,
        stopping: Stopping | None = None,
        name_of: Callable[[Key], str] = name_of_key,
    ) -> Iterator[Finished]:
        """Predict many images, batched across them.

        Args:
            images: any key with an image as `predict` takes it, of any size above 0.
            finish: called with the key and the merged probabilities, float32 `[C, H, W]`, from a
                worker's thread; what it returns is yielded.
            clock: where the seconds of each stage are added up.
            stopping: when images exit early, and the order of their passes; by default all passes run.
            name_of: the name of an image in messages, by its key.

        Yields:
            What `finish` returned, in the order in which images finished.

        Raises:
            ModelError: a member cannot run an image, or its probabilities are not finite.
        """

        def collector(key: Key, size_hw: Size) -> Collector[Finished]:
            return ProbabilityCollector(size_hw, lambda merged: finish(key, merged))

        return self._run(images, collector, name_of, clock, stopping)

    def label_all(
        self,
        images: Iterable[tuple[Key, Raster] | None],
        finish: Callable[[Key, LabelMap], Finished],
        *,
        grid_hw: Size | None = None,
        stopping: Stopping | None = None,
        pass_order: PassOrder | None = None,
        budget: PassBudget | None = None,
        clock: Clock | None = None,
        watch: Callable[[Key, int, int], None] | None = None,
        on_damaged: OnDamaged[Key] | None = None,
        name_of: Callable[[Key], str] = name_of_key,
        large_give_way: bool = False,
        strips: StripResults[Key, Finished] | None = None,
    ) -> Iterator[Finished]:
        """The same for label maps, `[H, W]`; the probabilities of a tiled image only exist as a whole
        where the decision looks at regions.

        Args:
            images: None means that none is available at the moment; see `seg.engine.pipeline.pipeline`.
            grid_hw: the size of the label maps; by default that of each image.
            stopping: when images exit early, and the order of their passes.
            pass_order: all passes in another order than the default, without early exit.
            budget: decides how many of them an image gets.
            watch: called after each strip with the image's key, the rows decided so far and all rows.
            on_damaged: called with the key of an image whose file proves damaged when a tile is read. It has
                no label map. By default the error is raised.
            large_give_way: the tiles of large images are cut only where `images` gives None.
            strips: what becomes of large images, whose label maps never exist as a whole: a result for
                each strip of rows. By default they are label maps like others.
        """

        decision = self.decision(grid_hw)

        def collector(key: Key, size_hw: Size) -> Collector[Finished]:
            return new_label_collector(key, size_hw, len(self.classes), decision, finish, watch, strips)

        return self._run(
            images, collector, name_of, clock, stopping, pass_order, budget, on_damaged, large_give_way
        )

    def device_ops_for(self, pass_order: PassOrder, *, has_monitor: bool) -> DeviceOps | None:
        """The device merge for these passes; None with scaled views or early exit, which need the host."""
        stays = not has_monitor and all(planned.view.scale == 1 for planned in pass_order)
        return self.device_ops if stays else None

    def decision(self, grid_hw: Size | None = None) -> Decision:
        """The decision from merged probabilities to labels, at an image's own size or on a grid."""
        return Decision(grid_hw, self.factors, self.task, self.rules)

    def with_views(self, views: tuple[ViewName, ...]) -> Self:
        """The same loaded members, all with these views.

        Raises:
            ValueError: the views are empty, unknown or listed twice.
        """
        for view in views:
            if view not in VIEWS:
                raise ValueError(f"unknown view {view!r}: {did_you_mean(str(view), VIEWS)}")
        if not views or len(set(views)) < len(views):
            raise ValueError(f"views are one or more, each listed once, got {list(views)}")
        return replace(self, members=tuple(replace(m, views=views) for m in self.members))

    def only(self, names: Sequence[str]) -> Self:
        """The same loaded members, but only those named, in their own order; fewer have no stacking.

        Raises:
            ValueError: the names are empty or include one of no member.
        """
        known = [member.name for member in self.members]
        if isinstance(names, str) or not names:
            raise ValueError(f"names are a list of one or more of {known}, got {names!r}")
        for name in names:
            if name not in known:
                raise ValueError(f"unknown member {name!r}: {did_you_mean(str(name), known)}")
        members = tuple(m for m in self.members if m.name in names)
        stacking = self.stacking if len(members) == len(self.members) else None
        return replace(self, members=members, stacking=stacking)

    def _run(
        self,
        images: Iterable[tuple[Key, Raster] | None],
        new_collector: Callable[[Key, Size], Collector[Finished]],
        name_of: Callable[[Key], str],
        clock: Clock | None,
        stopping: Stopping | None = None,
        pass_order: PassOrder | None = None,
        budget: PassBudget | None = None,
        on_damaged: OnDamaged[Key] | None = None,
        large_give_way: bool = False,
    ) -> Iterator[Finished]:
        pass_order = (stopping.pass_order if stopping else pass_order) or default_pass_order(self.members)
        config = PipelineConfig(
            pass_order=pass_order,
            names=tuple(member.name for member in self.members),
            classes=len(self.classes),
            batch_size=self.batch_size,
            streams=self.streams,
            merge=self.merge,
            tile=self.tile,
            stopping=stopping,
            open_frames=self.open_frames,
            budget=budget,
            decoders=tuple(member.decoder for member in self.members if member.decoder),
            device_ops=self.device_ops_for(pass_order, has_monitor=stopping is not None),
            task=self.task,
            large_give_way=large_give_way,
            image_types=self.image_types,
            plain=PlainTiles.of(self.tile, self.classes, self.task),
            stacking=self.stacking,
        )
        runtimes = [member.runtime for member in self.members]
        return run_pipeline(runtimes, config, images, new_collector, clock, on_damaged, name_of)

    def _prediction(self, merged_chw: ProbabilitiesCHW) -> Prediction:
        return Prediction(self.decision().labels(merged_chw), merged_chw, self.classes, self.task)
