"""What is made for NVIDIA devices and has not been run on one.

Help, the spec's schema and a warning at run time all name it by this list: take a name out once it is
proven, and nothing calls it experimental any more.
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


def marked(text: str, *features: str) -> str:
    """A help text or a description, and which of its features are experimental."""
    names = [feature for feature in features if feature in EXPERIMENTAL]
    return f"{text} Experimental, as not run on an NVIDIA device yet: {', '.join(names)}." if names else text


def warnings_of(features: Iterable[str]) -> list[str]:
    """A line for each of these features that is experimental, for whoever uses it."""
    return [
        f"{feature}: experimental, as it has not been run on an NVIDIA device yet: check what it gives"
        for feature in dict.fromkeys(features)
        if feature in EXPERIMENTAL
    ]
