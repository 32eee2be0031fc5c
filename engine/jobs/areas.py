"""Areas of a decision that are beyond all images, so that a class is never predicted."""

from collections.abc import Iterable, Sequence

from seg.engine.passes.passes import Size
from seg.labels.classes import ClassInfo
from seg.spec.ensemble.decision import ClassRule, DecisionSpec, rules_of_classes


def describe_unreachable_areas(
    decision: DecisionSpec, classes: Sequence[ClassInfo], sizes: Iterable[Size | None]
) -> str:
    """The classes whose least area no image reaches, in a line; empty if there are none.

    Args:
        sizes: height and width of the images; None where they are not known. As many are taken as are needed.
    """
    least = {
        info.name: _least_area_of_rule(rule)
        for info, rule in zip(classes, rules_of_classes(decision, classes), strict=True)
    }
    wanted, most = max(least.values()), 0
    for size_hw in sizes if wanted > 1 else ():
        most = max(most, size_hw[0] * size_hw[1]) if size_hw else wanted
        if most >= wanted:
            return ""
    if not most:
        return ""
    names = [name for name, area in least.items() if area > most]
    return (
        f"decision: no image has more than {most} pixels, and regions of {', '.join(names)} need up to"
        f" {wanted}: reduce the area"
    )


def _least_area_of_rule(rule: ClassRule) -> int:
    return max(rule.least_area, rule.empty_below.area if rule.empty_below else 0)
