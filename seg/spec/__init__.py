"""Specs: YAML files in, immutable and validated descriptions out."""

from seg.spec.dataset.class_entry import ClassEntry, numbered_classes
from seg.spec.dataset.dataset import DatasetSpec, load_dataset
from seg.spec.dataset.split import SplitSpec
from seg.spec.ensemble.ensemble import EnsembleSpec, load_ensemble
from seg.spec.ensemble.export import ExportSpec
from seg.spec.ensemble.member import MemberSpec
from seg.spec.ensemble.output import OutputSpec
from seg.spec.recipe.recipe import NetworkInput, RecipeSpec

__all__ = [
    "ClassEntry",
    "DatasetSpec",
    "EnsembleSpec",
    "ExportSpec",
    "MemberSpec",
    "NetworkInput",
    "OutputSpec",
    "RecipeSpec",
    "SplitSpec",
    "load_dataset",
    "load_ensemble",
    "numbered_classes",
]
