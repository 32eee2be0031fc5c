"""The engine behind HTTP: images come one by one, from many clients, and are batched together."""

from seg.engine.serve.admission import Limits
from seg.engine.serve.run import run_server

__all__ = ["Limits", "run_server"]
