"""One network that learns what an ensemble knows."""

from pydantic import Field

from seg.spec.base import LocalPath, Temperature
from seg.spec.recipe import RecipeSpec


class StudentSpec(RecipeSpec):
    """A recipe (what it does not say, the ensemble's `recipe` says), and how the ensemble teaches.

    `soft_share` is what the ensemble's probabilities have in the loss; the true labels have the rest. Those
    and the student's are flattened by `temperature` before they are compared. `images` are more images, whose
    labels nobody knows: a folder, a pattern, or a list.
    """

    name: str = Field(default="student", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    soft_share: float = Field(default=0.5, gt=0, le=1)
    temperature: Temperature = 2.0
    images: LocalPath | None = None

    @property
    def own_recipe(self) -> dict[str, object]:
        """What it says itself of its recipe."""
        return {name: getattr(self, name) for name in self.model_fields_set & RecipeSpec.model_fields.keys()}
