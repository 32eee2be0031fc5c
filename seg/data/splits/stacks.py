"""Stacks: the neighbouring slices of each image of a volume."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from seg.data.splits.split import Sample
from seg.errors import DataError
from seg.spec.dataset.id_pattern import parse_id_pattern
from seg.spec.dataset.stack import StackSpec


def with_stacks(samples: Sequence[Sample], spec: StackSpec) -> tuple[Sample, ...]:
    """The samples, each with the slices before and after it among these samples.

    Raises:
        DataError: an image's path has no slice number, or two slices of a volume have the same.
    """
    numbers = [_volume_and_number(sample, spec) for sample in samples]
    volumes: defaultdict[tuple[str, ...], dict[int, Sample]] = defaultdict(dict)
    for sample, (volume, number) in zip(samples, numbers, strict=True):
        if number in volumes[volume]:
            other = volumes[volume][number].image
            raise DataError(
                f"{sample.image}: is slice {number}, as {other} is: name the volume in 'stack.by'"
            )
        volumes[volume][number] = sample
    stack_of = {
        sample.image: stack
        for slices in volumes.values()
        for sample, stack in _stacks_of_volume([slices[number] for number in sorted(slices)], spec)
    }
    return tuple(replace(sample, stack=stack_of[sample.image]) for sample in samples)


def _stacks_of_volume(slices: Sequence[Sample], spec: StackSpec) -> Iterator[tuple[Sample, tuple[Path, ...]]]:
    """Each slice of a volume with the files of its stack; the first and last are repeated beyond the ends."""
    last = len(slices) - 1
    for place, sample in enumerate(slices):
        around = range(place - spec.before, place + spec.after + 1)
        yield sample, tuple(slices[min(max(near, 0), last)].image for near in around)


def _volume_and_number(sample: Sample, spec: StackSpec) -> tuple[tuple[str, ...], int]:
    try:
        *volume, number = parse_id_pattern(spec.by).values(sample.file_name).values()
    except ValueError as error:
        raise DataError(f"{sample.image}: {error}: change 'stack.by'") from error
    if not number.isdecimal():
        raise DataError(f"{sample.image}: has {number!r} as its slice: 'stack.by' ends in a number")
    return tuple(volume), int(number)
