"""Who is judged: every member and the ensemble, on images as they are and in the spec's views."""

from dataclasses import dataclass, replace
from typing import Final

from seg.evaluate.cache.mixture import Mixture
from seg.evaluate.cache.passes import Passes
from seg.evaluate.tune.fit import UPRIGHT
from seg.spec import EnsembleSpec

ENSEMBLE: Final = "ensemble"


@dataclass(frozen=True, slots=True)
class Predictor:
    """A member or the ensemble: `plain` on the images as they are, `viewed` in its views."""

    name: str
    plain: Mixture
    viewed: Mixture


@dataclass(frozen=True, slots=True)
class Predictors:
    """All members, and their ensemble. A single member is its own ensemble."""

    members: tuple[Predictor, ...]
    ensemble: Predictor

    @property
    def everyone(self) -> tuple[Predictor, ...]:
        """Members, and last the ensemble where there are several."""
        return (*self.members, self.ensemble) if len(self.members) > 1 else self.members

    @property
    def mixtures(self) -> tuple[Mixture, ...]:
        """Each that someone is, once."""
        return tuple(dict.fromkeys(m for one in self.everyone for m in (one.plain, one.viewed)))

    @property
    def has_views(self) -> bool:
        return self.ensemble.plain != self.ensemble.viewed


def with_upright_views(spec: EnsembleSpec) -> EnsembleSpec:
    """The members that run, each with the upright view beside its own."""
    members = tuple(
        member.model_copy(update={"views": tuple(dict.fromkeys((*UPRIGHT, *spec.views_of(member))))})
        for member in spec.running
    )
    return spec.model_copy(update={"members": members})


def predictors_of(spec: EnsembleSpec, passes: Passes) -> Predictors:
    """The predictors of a spec, from the passes of its running members."""
    seen = [spec.views_of(member) for member in spec.running]
    upright = [UPRIGHT] * len(seen)
    temperatures = tuple(member.temperature for member in spec.running)
    classes = passes.split.classes
    whole = replace(
        Mixture.of([member.weight for member in spec.running], seen, spec.merge),
        temperatures=temperatures,
        factors=spec.factors_of(classes),
        class_weights=spec.class_weights_of(classes),
    )
    if len(seen) == 1:
        only = Predictor(passes.names[0], whole.seen_as(upright), whole)
        return Predictors((only,), only)
    alone = (
        replace(Mixture.single(position, seen), temperatures=temperatures) for position in range(len(seen))
    )
    members = tuple(
        Predictor(name, one.seen_as(upright), one) for name, one in zip(passes.names, alone, strict=True)
    )
    return Predictors(members, Predictor(ENSEMBLE, whole.seen_as(upright), whole))
