"""Submissions: label maps written atomically as a file or folder in a contest's format, and read back."""

from seg.engine.submissions.base import LabelledImage, SubmissionFormat
from seg.engine.submissions.for_spec import SubmissionForSpec
from seg.engine.submissions.formats import open_submission_format

__all__ = ["LabelledImage", "SubmissionForSpec", "SubmissionFormat", "open_submission_format"]
