"""Classes of a list that are not learnt: their ids and colours count as unlabelled."""

from typing import Any, Final

from seg.spec.base import did_you_mean

UNLABELLED_VALUES: Final = (255,)
"""Mask values that count as unlabelled, unless a class has that id."""

MAX_PIXEL_VALUE: Final = 255


def without_unlabelled_classes(values: dict[str, Any]) -> dict[str, Any]:
    """A dataset's values with its `unlabelled_classes` as unlabelled values and colours.

    Raises:
        ValueError: one of them is no class.
    """
    values = dict(values)
    names = values.pop("unlabelled_classes")
    entries = [
        {"id": position, **({"name": entry} if isinstance(entry, str) else dict(entry))}
        for position, entry in enumerate(values.get("classes") or ())
    ]
    known = [str(entry.get("name")) for entry in entries]
    for name in names:
        if name not in known:
            raise ValueError(
                f"'unlabelled_classes' has {name!r}, which is no class: {did_you_mean(name, known)}"
            )
    values["classes"] = [entry for entry in entries if entry["name"] not in names]
    removed = [entry for entry in entries if entry["name"] in names]
    kept_ids = {entry["id"] for entry in values["classes"]}
    default = [value for value in UNLABELLED_VALUES if value not in kept_ids]
    in_a_mask = [entry["id"] for entry in removed if 0 <= entry["id"] <= MAX_PIXEL_VALUE]
    values["unlabelled_values"] = [*dict.fromkeys([*values.get("unlabelled_values", default), *in_a_mask])]
    colours = [entry["colour"] for entry in removed if entry.get("colour")]
    values["unlabelled_colours"] = [*values.get("unlabelled_colours", ()), *colours]
    return values
