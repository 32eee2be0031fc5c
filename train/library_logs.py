"""The remarks of Lightning and torch are for those who call them; our user sees one progress bar."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_LOGGERS: Final = ("lightning.pytorch", "lightning.fabric")


@contextmanager
def silence_libraries() -> Iterator[None]:
    """Let only errors through, no warnings, tips or notes."""
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
