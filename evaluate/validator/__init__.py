"""The validator: finds mistakes in a submission before it is uploaded."""

from seg.evaluate.validator.check import check_submission
from seg.evaluate.validator.finding import Finding, list_findings
from seg.evaluate.validator.repair import repair_submission

__all__ = ["Finding", "check_submission", "list_findings", "repair_submission"]
