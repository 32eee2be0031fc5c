"""Submissions: label maps in a fixed order in, one file or folder out, whole or not at all; and back."""

from seg.engine.submissions.base import Labelled, SubmissionFormat
from seg.engine.submissions.for_spec import SubmissionSpec
from seg.engine.submissions.formats import open_format

__all__ = ["Labelled", "SubmissionFormat", "SubmissionSpec", "open_format"]
