"""The files and folders that a spec reads, directly or through its lists, which no output may replace."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from seg.data.pairing.find_images import fixed_folder_of, is_path_pattern
from seg.data.splits.list_samples import LIST_SUFFIXES, images_to_list
from seg.errors import DataError, ModelError
from seg.models.safety import external_weights_beside, load_safe_onnx, may_have_external_weights
from seg.spec.base import Spec
from seg.spec.ensemble.ensemble import EnsembleSpec
from seg.spec.ensemble.metric import MetricSpec
from seg.spec.ensemble.output import OutputSpec
from seg.spec.recipe.recipe import RecipeSpec


def files_read_by_spec(spec: Spec | Mapping[str, object]) -> list[Path]:
    """All files and folders that a spec, or keys and values of one, was read from and names to be read.

    These are its YAML and those that it names, class lists, images, labels, lists and the images in them, the
    sample, files of functions, checkpoints, and models with their external weights. A pattern counts as the
    folder that holds whatever it matches. None need be there.
    """
    models = [spec.model(member) for member in spec.members] if isinstance(spec, EnsembleSpec) else []
    return [*_paths_named_in(spec), *(file for model in models for file in _files_of_model(model))]


def _paths_named_in(value: object) -> Iterator[Path]:
    match value:
        case Path():
            yield value
            yield from _folder_of_pattern(value)
        case OutputSpec():
            yield from _paths_named_in(value.sample)
        case Spec():
            yield from value.source_files
            yield from _files_named_as_text(value)
            yield from _paths_named_in(dict(value))
        case Mapping():
            for key, inner in value.items():
                if key != "runs":
                    yield from _paths_named_under(key, inner)
        case tuple() | list():
            for inner in value:
                yield from _paths_named_in(inner)


def _paths_named_under(key: str, value: object) -> Iterator[Path]:
    """The paths in the value of a key, and what is read with them."""
    for path in _paths_named_in(value):
        yield path
        if key == "images":
            yield from _images_in_list(path)
        elif key == "checkpoint" and path.is_dir():
            yield from path.iterdir()
        elif key == "onnx":
            yield from _files_of_model(path)


def _files_named_as_text(spec: Spec) -> Iterator[Path]:
    """Files in fields that may hold a name of something else instead."""
    match spec:
        case MetricSpec() if spec.own_function:
            yield spec.own_function.file
        case RecipeSpec() if spec.encoder_weights and Path(spec.encoder_weights).is_absolute():
            yield Path(spec.encoder_weights)


def _folder_of_pattern(path: Path) -> Iterator[Path]:
    # A pattern without a folder is beside images, which are named themselves.
    if path.is_absolute() and is_path_pattern(path):
        yield fixed_folder_of(path)


def _images_in_list(path: Path) -> Iterator[Path]:
    if path.suffix.lower() in LIST_SUFFIXES and path.is_file():
        with suppress(DataError):
            yield from images_to_list(path)[1]


def _files_of_model(model: Path) -> Iterator[Path]:
    """An ONNX file, and its external weights."""
    yield model
    with suppress(ModelError, OSError):
        if may_have_external_weights(model):
            yield from (model.parent / name for name in external_weights_beside(load_safe_onnx(model)))
