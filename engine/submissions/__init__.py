"""Submissions: label maps in a fixed order in, one file or folder out, whole or not at all; and back."""

from seg.engine.submissions.formats import open_format
from seg.engine.submissions.of_spec import SubmissionSpec
from seg.engine.submissions.protocol import Labelled, SubmissionFormat

__all__ = ["Labelled", "SubmissionFormat", "SubmissionSpec", "open_format"]
