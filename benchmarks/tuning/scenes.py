"""Members for the simulation on drawn scenes: train small networks, and keep their probabilities.

    python -m benchmarks.tuning.scenes scenes.npz
    python -m benchmarks.tuning.scenes fresh.npz --seed 1

The networks are trained on some places and predict images of others, which none of them has seen.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import typer

from benchmarks.tuning.members import MemberImages, save_member_images
from benchmarks.tuning.tiny_networks import (
    HALVED,
    TinyNetworkRecipe,
    probabilities_of_tiny_network,
    train_tiny_network,
)
from seg.data import Split, open_split, read_image
from seg.data.sample import write_sample_dataset
from seg.spec import DatasetSpec, load_dataset

SCENES = 36
RECIPES = {
    "a": TinyNetworkRecipe(width=16, dice=0.0, seed=0),
    "b": TinyNetworkRecipe(width=16, dice=1.0, seed=1),
    "c": TinyNetworkRecipe(width=24, dice=0.0, seed=2),
    "d": TinyNetworkRecipe(width=24, dice=1.0, seed=3),
    "e": TinyNetworkRecipe(width=12, dice=0.5, seed=4, steps=800),
    "f": TinyNetworkRecipe(width=20, dice=0.5, seed=5),
}


def main(output: Path, seed: int = 0) -> None:
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "scenes"
        write_sample_dataset(data, train=480, val=288, predict=288, scenes=SCENES, seed=seed)
        dataset = load_dataset(data / "dataset.yaml")
        images, labels, _ = _read_scenes(open_split(dataset, "train"))
        unseen = [_read_scenes(_labelled_scenes(dataset, name)) for name in ("val", "predict")]
    classes = int(labels.max()) + 1
    others = torch.cat([part[0] for part in unseen])
    truth = torch.cat([part[1] for part in unseen]).numpy().astype(np.uint8)
    members = {}
    for name, recipe in RECIPES.items():
        seeded = replace(recipe, seed=recipe.seed + len(RECIPES) * seed)
        members[name] = probabilities_of_tiny_network(
            train_tiny_network(images, labels, classes, seeded), others
        )
        typer.echo(f"{name}: pixel accuracy {(members[name].argmax(1) == truth).mean():.3f}")
    prior = np.bincount(labels.numpy().ravel(), minlength=classes).astype(np.float64)
    groups = np.array([place for part in unseen for place in part[2]])
    save_member_images(output, MemberImages.sampled(members, truth, groups, prior / prior.sum()))


def _labelled_scenes(dataset: DatasetSpec, name: str) -> Split:
    """A split of the dataset as its validation split, so that its labels are read."""
    spec = getattr(dataset, name)
    return open_split(dataset.model_copy(update={"val": spec}), "val")


def _read_scenes(split: Split) -> tuple[torch.Tensor, torch.Tensor, list[str]]:
    images = np.stack([read_image(sample.image) for sample in split.samples])
    labels = np.stack([split.labels(index)[::HALVED, ::HALVED] for index in range(len(split.samples))])
    tensor = torch.from_numpy(images).movedim(-1, 1).float().div(255).sub(0.5)
    places = [sample.image.name.partition("_")[0] for sample in split.samples]
    return tensor.contiguous(memory_format=torch.channels_last), torch.from_numpy(labels).long(), places


if __name__ == "__main__":
    typer.run(main)
