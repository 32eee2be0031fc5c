"""The message about a sample submission for other images than the spec's, with the nearest form of id."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Final

from seg.data import Sample

_SHOWN: Final = 3


def mismatch_of_images(
    theirs: Sequence[str], image_of: Mapping[str, str], samples: Sequence[Sample], ids: Mapping[str, str]
) -> str:
    """What differs between the images of a sample and those of a spec; empty if they are the same.

    Args:
        theirs: the images of the sample, as it writes them.
        image_of: those that are matched.
        ids: what the spec's pattern makes of each image, if it has one.
    """
    matched = set(image_of.values())
    unknown = [name for name in theirs if name not in image_of]
    left = [sample for sample in samples if sample.id not in matched]
    if not unknown and not left:
        return ""
    ours = [ids.get(sample.id, sample.file_name or sample.id) for sample in left]
    counts = []
    if unknown:
        counts.append(f"{len(unknown)} of its {len(theirs)} ids have no image ({_mismatched_names(unknown)})")
    if left:
        counts.append(
            f"{len(left)} of the split's {len(samples)} images have no id ({_mismatched_names(ours)})"
        )
    return f"{' and '.join(counts)}: {_fix_of_mismatch(unknown, left, ids)}"


def _fix_of_mismatch(unknown: Sequence[str], left: Sequence[Sample], ids: Mapping[str, str]) -> str:
    """The fix: a pattern of ids that fits, or the nearest image."""
    if not unknown:
        return "let data.predict name the images of the sample"
    if not left:
        return "add their images to data.predict"
    pattern = _id_pattern_of_mismatch(unknown[:_SHOWN], left)
    if pattern:
        return f"its ids are made like {pattern!r}: set output: {{id: {pattern!r}}}"
    names = [ids.get(sample.id, sample.file_name or sample.id) for sample in left]
    near = difflib.get_close_matches(unknown[0], names, n=1, cutoff=0.3)
    nearest = f"the nearest to {unknown[0]!r} is {near[0]!r}; " if near else ""
    return f"{nearest}are these the images of data.predict, and does output.id make their ids?"


def _id_pattern_of_mismatch(unknown: Sequence[str], left: Sequence[Sample]) -> str:
    """Text around an image's name that makes all these ids; empty if there is none."""
    found: list[str] = []
    for name in unknown:
        inside = [sample.id for sample in left if sample.id in name]
        if not inside:
            return ""
        longest = max(inside, key=len)
        found.append(name.replace(longest, "{name}", 1))
    if len(set(found)) == 1:
        return found[0]
    separators = {pattern.removeprefix("{name}")[:1] for pattern in found}
    separator = separators.pop()
    # What differs behind the name is the class.
    is_class = not separators and separator in "_-" and all(one.startswith("{name}") for one in found)
    return f"{{name}}{separator}{{class}}" if is_class else ""


def _mismatched_names(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")
