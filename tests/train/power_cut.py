"""A run that ends at a given place."""

from typing import Any

import pytest


class PowerCutError(Exception):
    """Stands for whatever ends a process at a given place."""


def cut_at_call(monkeypatch: pytest.MonkeyPatch, holder: Any, name: str, call: int) -> None:
    """Raise PowerCutError in place of the `call`-th call (from 1) of a function."""
    whole, calls = getattr(holder, name), 0

    def cut(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise PowerCutError
        return whole(*args, **kwargs)

    monkeypatch.setattr(holder, name, cut)
