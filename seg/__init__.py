"""From labelled images to a winning submission, and from checkpoints to one deployable file."""

__version__ = "0.1.0"
