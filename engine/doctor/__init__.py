"""`seg doctor`: devices, libraries, runtimes and versions of this machine, and what is missing."""

from seg.engine.doctor.report import DoctorReport, examine_machine

__all__ = ["DoctorReport", "examine_machine"]
