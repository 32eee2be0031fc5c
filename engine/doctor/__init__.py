"""`seg doctor`: devices, libraries, runtimes and versions of this machine, and what is missing."""

from seg.engine.doctor.report import Report, examine

__all__ = ["Report", "examine"]
