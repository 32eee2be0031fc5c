"""The share of each member in the merge, class by class."""

from collections.abc import Sequence


def merge_shares_by_class(
    weights: Sequence[float], class_weights: Sequence[Sequence[float]]
) -> list[tuple[float, ...]]:
    """Each member's share of the mean for each class; over members they sum to 1 in every class.

    Args:
        weights: of the members.
        class_weights: the factors of a member's weight for each class, or empty; 0 for a class that it does
            not know. A class that no member knows is shared by weight alone.

    Returns:
        A share for each class; empty for all members if none has class weights.
    """
    classes = max(map(len, class_weights), default=0)
    if not classes:
        return [()] * len(weights)
    scaled = [
        [weight * one for one in own or [1.0] * classes]
        for weight, own in zip(weights, class_weights, strict=True)
    ]
    for label in range(classes):
        if not any(own[label] for own in scaled):
            for own, weight in zip(scaled, weights, strict=True):
                own[label] = weight
    totals = [sum(by_class) for by_class in zip(*scaled, strict=True)]
    return [tuple(one / total for one, total in zip(own, totals, strict=True)) for own in scaled]


def specialist_classes(shares: Sequence[Sequence[float]]) -> tuple[bool, ...]:
    """For each class whether a specialist, which has no share in other classes, has a share in it."""
    specialists = [own for own in shares if 0 in own]
    return tuple(any(by_class) for by_class in zip(*specialists, strict=True))
