"""The name of the installable package, and the advice to install one of its extras."""

from typing import Final

DISTRIBUTION: Final = "segensemble"
"""The name on package indexes, where `seg` is another project. The command and the import are `seg`."""


def install_advice(extra: str) -> str:
    """The command that installs an extra, for the end of a message.

    Example:
        >>> install_advice("geo")
        "pip install 'segensemble[geo]'"
    """
    return f"pip install '{DISTRIBUTION}[{extra}]'"
