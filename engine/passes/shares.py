"""The share of each member in the merge, class by class."""

from collections.abc import Sequence


def class_shares(
    weights: Sequence[float], class_weights: Sequence[Sequence[float]]
) -> list[tuple[float, ...]]:
    """Each member's share of the mean for each class; over members they sum to 1 in every class.

    Args:
        weights: of the members.
        class_weights: the factors of a member's weight for each class, or empty.

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
    totals = [sum(by_class) for by_class in zip(*scaled, strict=True)]
    return [tuple(one / total for one, total in zip(own, totals, strict=True)) for own in scaled]
