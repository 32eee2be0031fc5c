"""Reports: a single HTML file on an ensemble's scores, errors and costs, or on training runs."""

from seg.evaluate.report.write import write_report, write_runs_report

__all__ = ["write_report", "write_runs_report"]
