"""What happens to whole training batches."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from seg.spec.base import Spec

Share = Annotated[float, Field(ge=0, le=1)]


class MixSpec(Spec):
    """The shares of training batches that are mixed in each way; the others stay as they are."""

    cutmix: Share = 0.0
    mixup: Share = 0.0
    gridmask: Share = 0.0

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
