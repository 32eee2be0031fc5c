"""What a server takes in."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may ask for, and all of them together.

    Attributes:
        requests: how many are in the house at once; the next one is turned away.
        pixels: of one image, and of all images of one request.
        upload: bytes of an encoded image.
        seconds: the most that a request may take, its upload among it.
    """

    requests: int = 64
    pixels: int = 16_000_000
    upload: int = 20_000_000
    seconds: float = 30.0
