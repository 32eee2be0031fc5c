"""Images by what lists and tables call them."""

from pathlib import Path

from seg.data.pairing.lookup import ImageLookup
from seg.data.splits.split import Sample


def test_the_end_of_a_path_is_found_however_long_it_is() -> None:
    lookup = ImageLookup([Sample("a", Path("data/x/a.png")), Sample("b", Path("data/y/b.png"))])
    assert lookup.find("elsewhere/" * 100_000 + "y/b.png") == 1
    assert lookup.find("y\\b") == 1
    assert lookup.find("z/c.png") is None
