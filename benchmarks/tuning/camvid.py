"""Members for the simulation on CamVid: decoders on frozen encoders, and their out-of-fold probabilities.

    python -m benchmarks.tuning.camvid ../shared/data camvid.npz

Frames are of three drives, told by their names. The probabilities of a drive are of members that were trained
on the other two.
"""

from pathlib import Path

import cv2
import numpy as np
import torch
import typer
from numpy.typing import NDArray

from benchmarks.tuning.frozen_encoders import (
    DecoderRecipe,
    features_of,
    probabilities_of_decoder,
    train_decoder,
)
from benchmarks.tuning.members import MemberImages, save_member_images
from seg.data.images.images import read_image, read_mask
from seg.labels.label_map import IGNORE_INDEX

CLASSES = 11
SIZE_HW = (240, 320)
STRIDE = 4
RECIPES = {
    "a": DecoderRecipe("lite0", width=48, dice=0.0, steps=250),
    "b": DecoderRecipe("lite0", width=64, dice=1.0, steps=350),
    "c": DecoderRecipe("lite1", width=48, dice=1.0, steps=250),
    "d": DecoderRecipe("lite2", width=64, dice=0.0, steps=350),
    "e": DecoderRecipe("lite2", width=48, dice=1.0, steps=250),
}


def main(data: Path, output: Path, seed: int = 0) -> None:
    images, labels, drives = _read_camvid(data / "camvid")
    prior = np.bincount(labels[labels != IGNORE_INDEX], minlength=CLASSES).astype(np.float64)
    shape = (len(labels), CLASSES, *labels.shape[1:])
    members = {name: np.empty(shape, np.float32) for name in RECIPES}
    for encoder in sorted({recipe.encoder for recipe in RECIPES.values()}):
        weights = data / f"weights/tf_efficientnet_{encoder}.safetensors"
        upright = features_of(encoder, weights, images)
        mirrored = features_of(encoder, weights, images.flip(-1))
        typer.echo(f"{encoder}: features of {len(images)} images")
        for number, (name, recipe) in enumerate(RECIPES.items()):
            if recipe.encoder != encoder:
                continue
            for drive in sorted(set(drives)):
                unseen = torch.from_numpy(drives == drive)
                seen = torch.from_numpy(drives != drive)
                decoder = train_decoder(
                    [level[seen] for level in upright],
                    [level[seen] for level in mirrored],
                    torch.from_numpy(labels).long()[seen],
                    CLASSES,
                    recipe,
                    seed=number + len(RECIPES) * seed,
                )
                members[name][drives == drive] = probabilities_of_decoder(
                    decoder, [level[unseen] for level in upright], [level[unseen] for level in mirrored]
                )
            known = labels != IGNORE_INDEX
            typer.echo(f"{name}: pixel accuracy {(members[name].argmax(1) == labels)[known].mean():.3f}")
    save_member_images(output, MemberImages.sampled(members, labels, drives, prior / prior.sum()))


def _read_camvid(folder: Path) -> tuple[torch.Tensor, NDArray[np.uint8], NDArray[np.str_]]:
    """The training images, their labels at a stride of 4, and their drives."""
    paths = sorted((folder / "train").glob("*.jpg"))
    height, width = SIZE_HW
    images = np.stack(
        [cv2.resize(read_image(path), (width, height), interpolation=cv2.INTER_AREA) for path in paths]
    )
    small = (width // STRIDE, height // STRIDE)
    masks = [read_mask(folder / f"train_masks/{path.stem}.png") for path in paths]
    labels: NDArray[np.uint8] = np.stack(
        [cv2.resize(mask, small, interpolation=cv2.INTER_NEAREST_EXACT) for mask in masks]
    ).astype(np.uint8)
    labels[labels >= CLASSES] = IGNORE_INDEX
    drives = np.array([path.stem.partition("_")[0] for path in paths])
    return torch.from_numpy(images).movedim(-1, 1).float().div(127.5).sub(1), labels, drives


if __name__ == "__main__":
    typer.run(main)
