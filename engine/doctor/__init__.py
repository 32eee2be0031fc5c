"""What this machine can run, and what it lacks: devices, libraries, runtimes, versions."""

from seg.engine.doctor.report import Report, examine

__all__ = ["Report", "examine"]
