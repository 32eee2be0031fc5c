"""What typer takes from annotated-doc."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Doc:
    documentation: str
