"""Experimental features: those for NVIDIA devices that have not been run on one.

Help texts, the spec's schema and warnings at run time all use this list: remove a feature from it once it is
proven.
"""

from collections.abc import Iterable
from typing import Final

EXPERIMENTAL: Final = frozenset(
    {
        "runtime: cuda",
        "runtime: tensorrt",
        "runtime: tensorrt-plan",
        "--devices on GPUs",
        "--gpus-per-worker",
        "--format tensorrt",
        "--format tensorrt-rtx",
        "training on a GPU",
    }
)


def help_marked_experimental(text: str, *features: str) -> str:
    """A help text with a note on which of its features are experimental."""
    names = [feature for feature in features if feature in EXPERIMENTAL]
    return f"{text} Experimental, as not run on an NVIDIA device yet: {', '.join(names)}." if names else text


def warnings_of_experimental(features: Iterable[str]) -> list[str]:
    """A warning for each of these features that is experimental."""
    return [
        f"{feature}: experimental, as it has not been run on an NVIDIA device yet: check what it gives"
        for feature in dict.fromkeys(features)
        if feature in EXPERIMENTAL
    ]
