"""Batch mixing in a recipe: CutMix, MixUp, GridMask, and the share of batches for each."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from seg.spec.base import Spec

Share = Annotated[float, Field(ge=0, le=1)]


class BatchMixSpec(Spec):
    """Shares of the training batches that are mixed. A batch is mixed in one way at most."""

    cutmix: Share = 0.0
    """Share of batches in which a box of each image comes from another image."""
    mixup: Share = 0.0
    """Share of batches in which each image is blended with another one."""
    gridmask: Share = 0.0
    """Share of batches in which black squares hide a quarter of each image."""

    @property
    def shares(self) -> dict[str, float]:
        return {name: getattr(self, name) for name in type(self).model_fields}

    @model_validator(mode="after")
    def _one_thing_a_batch(self) -> Self:
        total = round(sum(self.shares.values()), 6)
        if total > 1:
            raise ValueError(
                f"a batch is mixed in one way, so the shares are at most 1 together, got {total:g}"
            )
        return self
