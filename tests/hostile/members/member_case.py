"""A member that was trained elsewhere, as a case of `seg export`."""

from typing import Final

from tests.hostile.case import Case, Prepare, both, file

SPEC: Final = "data: dataset.yaml\nruntime: cpu\nmembers:\n- {{ name: a, {} }}\n"

EXPORT: Final = ("export", "m.yaml")

INPUT: Final = "input: { scale: 1/255 }"


def member_case(
    name: str, put: Prepare, member: str, says: str = "", seconds: float = 30, megabytes: int = 2000
) -> Case:
    spec = file("m.yaml", SPEC.format(member))
    return Case(name, EXPORT, both(put, spec), "either", says, seconds, megabytes, writes="runs")


def put_at(place: str, put: Prepare) -> Prepare:
    return lambda folder: put(folder / place)
