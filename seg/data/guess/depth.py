"""Images of more than 8 bits or of other bands: the bands that networks see, and their range."""

from dataclasses import replace
from pathlib import Path

from seg.data.deep.suggest_range import suggest_pixel_range
from seg.data.guess.result import Guess
from seg.data.splits.list_samples import images_to_list
from seg.errors import DataError


def guess_pixel_range(guess: Guess) -> Guess:
    """The guess with `range`, and `bands` and `rgb` where they help, if some training images need them."""
    train = guess.dataset.get("train")
    if train is None:
        return guess
    images = train["images"]
    try:
        _, paths = images_to_list(images if isinstance(images, Path) else images[0])
    except DataError:
        return guess
    keys, unsure = suggest_pixel_range(paths)
    return replace(guess, dataset={**guess.dataset, **keys}, unsure=(*guess.unsure, *unsure))
