"""The predictors of a report: every member and the ensemble, without and with views."""

from dataclasses import dataclass, replace
from typing import Final

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import CachedPasses
from seg.evaluate.tune.fits.useful_views import UPRIGHT
from seg.spec import EnsembleSpec

ENSEMBLE: Final = "ensemble"


@dataclass(frozen=True, slots=True)
class Predictor:
    """A member or the ensemble: `plain` without views, `viewed` with its views."""

    name: str
    plain: Mixture
    viewed: Mixture


@dataclass(frozen=True, slots=True)
class Predictors:
    """All members and their ensemble. A single member is its own ensemble."""

    members: tuple[Predictor, ...]
    ensemble: Predictor

    @property
    def all(self) -> tuple[Predictor, ...]:
        """The members, and last the ensemble if there are several members."""
        return (*self.members, self.ensemble) if len(self.members) > 1 else self.members

    @property
    def mixtures(self) -> tuple[Mixture, ...]:
        """The distinct mixtures of all predictors."""
        return tuple(dict.fromkeys(m for one in self.all for m in (one.plain, one.viewed)))

    @property
    def has_views(self) -> bool:
        return self.ensemble.plain != self.ensemble.viewed


def with_upright_views(spec: EnsembleSpec) -> EnsembleSpec:
    """The spec with the upright view added to each running member's views."""
    members = tuple(
        member.model_copy(update={"views": tuple(dict.fromkeys((*UPRIGHT, *spec.views_of(member))))})
        for member in spec.running
    )
    return spec.model_copy(update={"members": members})


def predictors_of(spec: EnsembleSpec, passes: CachedPasses) -> Predictors:
    """The predictors of a spec, from the passes of its running members."""
    views = [spec.views_of(member) for member in spec.running]
    upright = [UPRIGHT] * len(views)
    temperatures = tuple(member.temperature for member in spec.running)
    classes = passes.split.classes
    whole = replace(
        Mixture.of([member.weight for member in spec.running], views, spec.merge),
        temperatures=temperatures,
        factors=spec.factors_of(classes),
        class_weights=spec.class_weights_of(classes),
        stacking=spec.stacking_of(classes),
    )
    if len(views) == 1:
        only = Predictor(passes.names[0], whole.with_views(upright), whole)
        return Predictors((only,), only)
    alone = (
        replace(Mixture.single(position, views), temperatures=temperatures) for position in range(len(views))
    )
    members = tuple(
        Predictor(name, one.with_views(upright), one) for name, one in zip(passes.names, alone, strict=True)
    )
    return Predictors(members, Predictor(ENSEMBLE, whole.with_views(upright), whole))
