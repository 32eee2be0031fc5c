"""One HTML file that shows what an ensemble can do, and where it fails."""

from seg.evaluate.report.write import write_report, write_runs_report

__all__ = ["write_report", "write_runs_report"]
