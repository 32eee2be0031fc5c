"""Tolerant parsing of run lengths: finds every mistake, and repairs those that are safe to repair."""

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from seg.spec.ensemble.output import RleSpec

_NUMBERS: Final = re.compile(r"-?\d{1,12}(\s+-?\d{1,12})*")
EMPTY_CELLS: Final = ("", "-1")
"""The encodings of a class without pixels in different contests."""


@dataclass(frozen=True, slots=True)
class RunMistake:
    """A mistake in the runs of a mask, its fix, and whether `repair_runs` can make it."""

    problem: str
    fix: str
    is_fixable: bool = False


@dataclass(frozen=True, slots=True)
class ParsedRunLengths:
    """The runs of a mask: starts from 0 and lengths, int64 `[R, 2]`, and mistakes in them."""

    pairs: NDArray[np.int64]
    mistakes: tuple[RunMistake, ...]


def parse_run_lengths(text: str, pixels: int, style: RleSpec, empty: str = "") -> ParsedRunLengths:
    """Parse a cell of an image with `pixels` pixels."""
    nothing = np.zeros((0, 2), dtype=np.int64)
    if text.strip() in (*EMPTY_CELLS, empty):
        return ParsedRunLengths(nothing, _find_empty_mistakes(text, empty))
    if not _NUMBERS.fullmatch(text.strip()):
        return ParsedRunLengths(
            nothing, (RunMistake(f"{text[:30]!r} is not a list of numbers", "encode the mask again"),)
        )
    numbers = text.split()
    if len(numbers) % 2:
        return ParsedRunLengths(
            nothing, (RunMistake(f"{len(numbers)} numbers do not form pairs", "encode the mask again"),)
        )
    pairs = np.array(numbers, dtype=np.int64).reshape(-1, 2)
    pairs[:, 0] -= style.first
    return ParsedRunLengths(pairs, tuple(_find_run_mistakes(text, pairs, pixels, style)))


def _find_empty_mistakes(text: str, empty: str) -> tuple[RunMistake, ...]:
    if text == empty:
        return ()
    return (RunMistake(f"a class without pixels is {empty!r} here, got {text!r}", "write that", True),)


def _find_run_mistakes(text: str, pairs: NDArray[np.int64], pixels: int, style: RleSpec) -> list[RunMistake]:
    starts, lengths = pairs.T
    ends = starts + lengths
    found = []
    if text != " ".join(text.split()):
        found.append(RunMistake("has more than one space between numbers", "write one", True))
    if (starts < 0).any():
        counted = "runs count from 0, but this contest's from 1" if style.first and starts.min() == -1 else ""
        found.append(RunMistake(counted or "a run starts before the image", "add 1 to every start"))
    if (ends > pixels).any():
        found.append(
            RunMistake(
                f"a run ends at pixel {int(ends.max())} of {pixels}",
                "encode at the size that the contest wants",
            )
        )
    if (lengths < 0).any():
        found.append(RunMistake("a run has a negative length", "encode the mask again"))
    if (lengths == 0).any():
        found.append(RunMistake("a run has no pixels", "leave it out", True))
    order = np.argsort(starts, kind="stable")
    if (order != np.arange(len(order))).any():
        found.append(RunMistake("runs are not sorted", "sort them by their start", True))
    if (ends[order][:-1] > starts[order][1:]).any():
        found.append(RunMistake("runs overlap", "merge them", True))
    return found


def repair_runs(runs: ParsedRunLengths, style: RleSpec, empty: str = "") -> str | None:
    """The repaired cell, or None if the repair is not safe."""
    if any(not mistake.is_fixable for mistake in runs.mistakes):
        return None
    merged: list[list[int]] = []
    for start, length in sorted(pair for pair in runs.pairs.tolist() if pair[1] > 0):
        if merged and start <= merged[-1][0] + merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], start + length - merged[-1][0])
        else:
            merged.append([start, length])
    if not merged:
        return empty
    return " ".join(f"{start + style.first} {length}" for start, length in merged)
