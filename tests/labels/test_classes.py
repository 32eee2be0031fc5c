"""Colours of classes for which a dataset names none."""

from seg.labels.classes import default_colour


def test_default_colours_are_all_different() -> None:
    assert len({default_colour(position) for position in range(256)}) == 256


def test_the_palette_follows_black_and_then_hues_by_the_golden_ratio() -> None:
    """The first hue is 0.618 of the circle, 222.5 degrees, at 95% of brightness and 65% of saturation."""
    assert [default_colour(position) for position in (0, 1, 11)] == [
        (0, 0, 0),
        (230, 159, 0),
        (250, 150, 160),
    ]
    assert default_colour(12) == (85, 131, 242)
