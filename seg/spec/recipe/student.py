"""The student in a spec: one network, distilled from the ensemble."""

from pydantic import Field

from seg.spec.base import LocalPath, Temperature
from seg.spec.recipe.recipe import RecipeSpec


class StudentSpec(RecipeSpec):
    """The student of `seg distill`. Keys that are not set come from the ensemble's `recipe`."""

    name: str = Field(default="student", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")
    """The student's name, and that of its folder in `runs`."""
    soft_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the loss for the ensemble's probabilities. True labels have the rest."""
    temperature: Temperature = 2.0
    """Divides the logits of both sides before they are compared."""
    images: LocalPath | None = None
    """More images without labels: a folder, a pattern, or a list."""

    @property
    def own_recipe(self) -> dict[str, object]:
        """What it says itself of its recipe."""
        return {name: getattr(self, name) for name in self.model_fields_set & RecipeSpec.model_fields.keys()}
