"""What can go wrong because of something a user gave us, and can mend.

    SegError
    ├── SpecError            a YAML file that does not say what we need
    ├── DataError            an image, annotation or label that cannot be used
    ├── ModelError           a checkpoint, model card or exported model that cannot be used
    ├── VerificationError    an exported model that does not agree with its checkpoint
    ├── MissingRuntimeError  a runtime or device that was asked for and is not here
    └── OutputError          a place that cannot be written, or that another run holds

Each message is one line: the file, the place in it, and the fix. The command line prints that
line and leaves with exit code 2. Anything else that is raised is a defect of ours, unless the system
raised it; see `seg.commands.failures`.
"""

from typing import Final

EXIT_USER_ERROR: Final = 2
EXIT_DEFECT: Final = 70
EXIT_INTERRUPTED: Final = 130


class SegError(Exception):
    """Base of every error that the user caused and can mend."""


class SpecError(SegError):
    """A YAML file that does not say what we need."""


class DataError(SegError):
    """An image, annotation or label that cannot be used."""


class ModelError(SegError):
    """A checkpoint, model card or exported model that cannot be used."""


class VerificationError(SegError):
    """An exported model that does not agree with the checkpoint it came from."""


class MissingRuntimeError(SegError):
    """A runtime or device that was asked for and is not here."""


class OutputError(SegError):
    """A place that cannot be written, or that another run holds."""
