"""The command line: one file a command, and no heavy import before its command runs."""

import os
import sys


def main() -> None:
    """Run the command line and leave with its exit code; the entry point `seg`."""
    try:
        from seg.commands.process.interrupts import run_interruptible

        run_interruptible(sys.argv[1:])
    except KeyboardInterrupt:
        os.write(2, b"seg: interrupted\n")
        os._exit(130)
