"""Out-of-fold passes: every training image through the members that were not trained on it.

Members of one recipe that hold out different folds are a family. Tuning weighs families; each member of a
family gets an equal part of its weight.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from seg.data import Sample, Split, open_split
from seg.data.splits.subset_split import SubsetSplit
from seg.errors import DataError, SpecError
from seg.evaluate.cache.merge import CachedImage, Coverage
from seg.evaluate.cache.mixture import Mixture, Views
from seg.evaluate.cache.passes import CachedPasses, open_cached_passes
from seg.evaluate.cache.store import ProbabilityCache
from seg.labels.label_map import LabelsHW
from seg.runs import read_held_out
from seg.spec import EnsembleSpec
from seg.spec.ensemble.member import MemberSpec
from seg.spec.ensemble.stacking import MatrixCC, Stacking


@dataclass(frozen=True, slots=True)
class MemberFamily:
    """Members of one recipe, each trained without another fold, by their positions in the spec."""

    name: str
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OutOfFoldPasses:
    """The passes of families over the training images that each of them has a member for.

    Attributes:
        parts: images that the same members hold out, through these members, one of each family.
        split: the images of all parts, one part after the other.
    """

    families: tuple[MemberFamily, ...]
    parts: tuple[CachedPasses, ...]
    split: Split
    members: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{family.name} ({len(family.members)} folds)" for family in self.families)

    @property
    def views(self) -> tuple[Views, ...]:
        return self.parts[0].views

    @property
    def milliseconds(self) -> tuple[float, ...]:
        """Of one pass of all members of a family, as prediction runs them."""
        return tuple(
            self.parts[0].milliseconds[number] * len(family.members)
            for number, family in enumerate(self.families)
        )

    @property
    def coverage(self) -> Coverage:
        return self.parts[0].coverage

    @property
    def computed(self) -> int:
        return sum(part.computed for part in self.parts)

    @property
    def classes(self) -> int:
        return self.parts[0].classes

    @property
    def images(self) -> int:
        return sum(part.images for part in self.parts)

    def cached_image(self, image: int) -> CachedImage:
        part, position = self._find(image)
        return part.cached_image(position)

    def labels(self, image: int) -> LabelsHW:
        return self.split.labels(image)

    def of_members(self, mixture: Mixture) -> Mixture:
        """The mixture of the spec's members that a mixture of families stands for."""
        weights = [0.0] * self.members
        temperatures = [1.0] * self.members if mixture.temperatures else []
        views: list[Views] = [self.views[0]] * self.members
        for number, (family, weight) in enumerate(zip(self.families, mixture.weights, strict=True)):
            for member in family.members:
                weights[member] = weight / len(family.members)
                views[member] = mixture.views[number]
                if temperatures:
                    temperatures[member] = mixture.temperature(number)
        return replace(
            mixture,
            weights=tuple(weights),
            views=tuple(views),
            temperatures=tuple(temperatures),
            stacking=mixture.stacking and self._stacking_of_members(mixture.stacking),
        )

    def _stacking_of_members(self, stacking: Stacking) -> Stacking:
        """Each member of a family has an equal part of its matrix."""
        matrices: list[MatrixCC] = [()] * self.members
        for family, rows in zip(self.families, stacking.matrices, strict=True):
            part = tuple(tuple(one / len(family.members) for one in row) for row in rows)
            for member in family.members:
                matrices[member] = part
        return replace(stacking, matrices=tuple(matrices))

    def _find(self, image: int) -> tuple[CachedPasses, int]:
        ends = list(accumulate(part.images for part in self.parts))
        number = int(np.searchsorted(ends, image, side="right"))
        return self.parts[number], image - (ends[number - 1] if number else 0)


def open_out_of_fold(spec: EnsembleSpec, cache: ProbabilityCache) -> OutOfFoldPasses:
    """Compute the passes that are not in the cache.

    Raises:
        SpecError: a member has no fold.
        DataError: a run does not tell what it held out, or no image is held out by a member of each family.
        ModelError, MissingRuntimeError: a member cannot be run.
    """
    train = open_split(spec.data, "train")
    families = find_families(spec)
    images_of = _images_by_members(spec, families, train.samples)
    parts = tuple(
        open_cached_passes(_spec_of_fold_members(spec, members), SubsetSplit(train, images), cache)
        for members, images in images_of.items()
    )
    images = [image for listed in images_of.values() for image in listed]
    return OutOfFoldPasses(families, parts, SubsetSplit(train, images), len(spec.members))


def find_families(spec: EnsembleSpec) -> tuple[MemberFamily, ...]:
    """The families of the members that have a fold; raises SpecError if one with weight has none."""
    whole = next((member.name for member in spec.running if member.fold is None), None)
    if whole is not None:
        raise SpecError(
            f"members: {whole}: has no 'fold', so it may have seen all training images, which --on folds fits"
            " on: train it in folds, or give it weight 0"
        )
    members_of: dict[tuple[str, int], list[int]] = defaultdict(list)
    for position, member in enumerate(spec.members):
        if member.fold is not None:
            recipe = _recipe_of_family(spec, member)
            number = 0
            while any(spec.members[one].fold == member.fold for one in members_of[recipe, number]):
                number += 1  # Another seed of the same recipe and fold.
            members_of[recipe, number].append(position)
    return tuple(
        MemberFamily(_name_of_family([spec.members[position].name for position in members]), tuple(members))
        for members in members_of.values()
        if members
    )


def _recipe_of_family(spec: EnsembleSpec, member: MemberSpec) -> str:
    """What members of a family have in common."""
    recipe = spec.recipe_of(member).model_copy(update={"seed": 0})
    return f"{recipe.model_dump_json()} {spec.views_of(member)} {member.covers}"


def _name_of_family(members: Sequence[str]) -> str:
    """The beginning that their names share."""
    start = members[0]
    while not all(name.startswith(start) for name in members):
        start = start[:-1]
    return start.rstrip("-_.") or members[0]


def _images_by_members(
    spec: EnsembleSpec, families: Sequence[MemberFamily], samples: Sequence[Sample]
) -> dict[tuple[int, ...], list[int]]:
    """The positions of images by the members, one of each family, that hold them out."""
    held_out = {
        position: read_held_out(spec.run_folder(spec.members[position]))
        for family in families
        for position in family.members
    }
    images_of: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for image, sample in enumerate(samples):
        holders = [
            next((position for position in family.members if sample.id in held_out[position]), None)
            for family in families
        ]
        if None not in holders:
            images_of[tuple(position for position in holders if position is not None)].append(image)
    if not images_of:
        raise DataError(
            f"{spec.runs}: no training image is held out by a member of each recipe: train the same folds of"
            " all recipes"
        )
    return dict(sorted(images_of.items()))


def _spec_of_fold_members(spec: EnsembleSpec, positions: Sequence[int]) -> EnsembleSpec:
    """The spec with these members, all with weight."""
    members = tuple(spec.members[position].model_copy(update={"weight": 1.0}) for position in positions)
    return spec.model_copy(update={"members": members, "stacking": None})
