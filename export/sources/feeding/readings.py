"""Other readings of a network's declaration: the usual mistakes in how networks are fed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from seg.export.sources.declaration import Declaration, InputDeclaration, SourceFacts
from seg.spec.ensemble.imported import OutputKind

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
USUAL_SIDES: Final = (256, 512)
_OTHER_KIND: Final[dict[OutputKind, OutputKind]] = {
    "logits": "probabilities",
    "probabilities": "logits",
    "sigmoid": "sigmoid-logits",
    "sigmoid-logits": "sigmoid",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A declaration that differs in one thing; `name` is that thing as the YAML would have it.

    `changes` is the number of its keys in the YAML that change.
    """

    name: str
    declared: Declaration
    changes: int = 1


def readings_of(declared: Declaration, facts: SourceFacts, *, is_bounded: bool) -> Iterator[Reading]:
    """All readings, each with one usual mistake undone; those of the classes' order need no run of their own.

    Args:
        declared: the declaration.
        facts: what the source says, which a reading cannot change.
        is_bounded: whether all that the network returns lies in 0..1.
    """
    for name, fed in _input_readings(declared.input, facts):
        yield Reading(name, replace(declared, input=fed), _number_of_changes(declared.input, fed))
    other = _OTHER_KIND.get(declared.output.kind)
    if other and is_bounded == (other in {"probabilities", "sigmoid"}):
        yield Reading(f"output.kind: {other}", replace(declared, output=replace(declared.output, kind=other)))


def _input_readings(fed: InputDeclaration, facts: SourceFacts) -> Iterator[tuple[str, InputDeclaration]]:
    if fed.channels != "grey":
        swapped = replace(fed, channels="rgb" if fed.channels == "bgr" else "bgr")
        yield f"channels: {swapped.channels}", swapped
    if fed.dtype != "uint8":
        tried = [fed]
        for name, scaled in _scale_readings(fed):
            if not any(_is_same_scale(scaled, other) for other in tried):
                tried.append(scaled)
                yield name, scaled
    yield from _mode_readings(fed, facts)


def _scale_readings(fed: InputDeclaration) -> Iterator[tuple[str, InputDeclaration]]:
    count = len(fed.mean)
    zero, one, half = (0.0,) * count, (1.0,) * count, (0.5,) * count
    yield "scale: 1/255", replace(fed, scale=1 / 255)
    yield "scale: 1", replace(fed, scale=1.0)
    yield "scale: 1, no mean and std", replace(fed, scale=1.0, mean=zero, std=one)
    yield "scale: 1/255, no mean and std", replace(fed, scale=1 / 255, mean=zero, std=one)
    yield "scale: 1/255, mean: 0.5, std: 0.5", replace(fed, scale=1 / 255, mean=half, std=half)
    if count == len(IMAGENET_MEAN):
        order = -1 if fed.channels == "bgr" else 1
        imagenet = replace(fed, scale=1 / 255, mean=IMAGENET_MEAN[::order], std=IMAGENET_STD[::order])
        yield "scale: 1/255, mean and std of ImageNet", imagenet


def _number_of_changes(first: InputDeclaration, second: InputDeclaration) -> int:
    keys = ("channels", "scale", "mean", "std", "mode")
    return sum(getattr(first, key) != getattr(second, key) for key in keys)


def _is_same_scale(first: InputDeclaration, second: InputDeclaration) -> bool:
    """Whether both bring 0 and 255 to nearly the same values."""

    def ends(fed: InputDeclaration) -> list[float]:
        pairs = zip(fed.mean, fed.std, strict=True)
        return [(value * fed.scale - mean) / std for mean, std in pairs for value in (0, 255)]

    return all(abs(a - b) < 0.1 for a, b in zip(ends(first), ends(second), strict=True))


def _mode_readings(fed: InputDeclaration, facts: SourceFacts) -> Iterator[tuple[str, InputDeclaration]]:
    if fed.mode == "pad":
        for side in USUAL_SIDES:
            yield f"mode: resize, size: {side}", replace(fed, mode="resize", size_hw=(side, side))
    elif fed.mode == "resize" and facts.size_hw is None:
        yield "mode: pad", replace(fed, mode="pad", size_hw=None)
    elif fed.mode == "resize":
        yield "mode: tile", replace(fed, mode="tile")
    else:
        yield "mode: resize", replace(fed, mode="resize")
