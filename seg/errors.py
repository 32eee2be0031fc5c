"""Errors that users can cause and correct, and the exit codes.

    SegError
    ├── SpecError            an invalid YAML file
    ├── DataError            an image, annotation or label that cannot be used
    │   └── ImageTypeError   an image of other bands or pixels than the members take; also a ValueError
    ├── ModelError           a checkpoint, model card or exported model that cannot be used
    ├── VerificationError    an exported model that does not agree with its checkpoint
    ├── MissingRuntimeError  a requested runtime or device that is not available
    └── OutputError          a path that cannot be written, or that another run has locked

Each message is one line: the file, the place in it, and the fix. The command line prints that line and exits
with code 2. Any other exception is a defect of ours, unless the system raised it; see
`seg.commands.process.failures`.
"""

from typing import Final

EXIT_USER_ERROR: Final = 2
EXIT_DEFECT: Final = 70


class SegError(Exception):
    """Base of every error that the user can cause and correct."""


class SpecError(SegError):
    """An invalid YAML file."""


class DataError(SegError):
    """An image, annotation or label that cannot be used."""


class ImageTypeError(DataError, ValueError):
    """An image of other bands or pixels than the members take."""


class ModelError(SegError):
    """A checkpoint, model card or exported model that cannot be used."""


class VerificationError(SegError):
    """An exported model that does not agree with the checkpoint it came from."""


class MissingRuntimeError(SegError):
    """A requested runtime or device that is not available."""


class OutputError(SegError):
    """A path that cannot be written, or that another run has locked."""
