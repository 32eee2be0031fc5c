"""Specs: YAML files in, immutable and validated descriptions out."""

from seg.spec.dataset import ClassEntry, DatasetSpec, class_list, load_dataset
from seg.spec.ensemble import EnsembleSpec, load_ensemble
from seg.spec.export import ExportSpec
from seg.spec.member import MemberSpec
from seg.spec.output import OutputSpec
from seg.spec.recipe import NetworkInput, RecipeSpec
from seg.spec.split import SplitSpec

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
    "class_list",
    "load_dataset",
    "load_ensemble",
]
