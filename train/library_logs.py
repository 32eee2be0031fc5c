"""Silence the logs and warnings of Lightning and torch, so that users see only the progress bar."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOGGERS: Final = ("lightning.pytorch", "lightning.fabric")


@contextmanager
def silence_libraries() -> Iterator[None]:
    """Suppress everything except errors within the block."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
