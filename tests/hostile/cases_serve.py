"""Options of `seg serve` and of predicting on a cluster, which end before anything is served or sent."""

from collections.abc import Iterator
from typing import Final

from tests.hostile.case import Case

SIZES: Final = ("", " ", "x", "-1", "nan", "inf", "1e400", "GB", "9" * 400 + "GB", "1 2MB", "\u0663GB")
NUMBERS: Final = ("", "x", "-1", "0", "nan", "inf", "-inf", "1e400", "9" * 5000)
HOSTS: Final = ("nowhere.invalid", "999.1.1.1", ":::", "a" * 300, "\udcff", "0.0.0.0:80", "-")
ADDRESSES: Final = (
    "nowhere",
    "ray://",
    "ray://nowhere.invalid:1",
    "http://127.0.0.1:9",
    "\udcff",
    "a" * 5000,
)

OPTIONS: Final = {
    **dict.fromkeys(("--upload", "--memory"), SIZES),
    **dict.fromkeys(("--requests", "--megapixels", "--seconds"), NUMBERS),
    "--port": (*(text for text in NUMBERS if text != "0"), "65536"),
    "--host": HOSTS,
    "--views": ("nope", "hflip,", "d4,d4", "9" * 5000),
    "--runtime": ("nope", "", "tensorrt-plan"),
}


def cases() -> Iterator[Case]:
    for option, values in OPTIONS.items():
        for value in values:
            yield Case(f"serve {option} {value[:30]!a}", ("serve", "spec.yaml", f"{option}={value}"))
    for address in ADDRESSES:
        given = ("ensemble", "spec.yaml", f"--cluster={address}")
        yield Case(f"cluster {address[:30]!a}", given)
    for option in ("--devices", "--workers", "--gpus-per-worker"):
        for value in NUMBERS:
            yield Case(f"{option} {value[:30]!a}", ("ensemble", "spec.yaml", f"{option}={value}"))
