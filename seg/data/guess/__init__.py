"""A dataset's YAML from a look at its folder."""

from seg.data.guess.guess import Guess, guess_dataset

__all__ = ["Guess", "guess_dataset"]
