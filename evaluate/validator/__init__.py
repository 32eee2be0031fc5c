"""What a leaderboard would punish in a submission, found before it is sent."""

from seg.evaluate.validator.check import check_submission
from seg.evaluate.validator.finding import Finding
from seg.evaluate.validator.repair import mend_submission

__all__ = ["Finding", "check_submission", "mend_submission"]
