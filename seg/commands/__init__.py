"""The command line: one file a command, and no heavy import before its command runs."""


def main() -> None:
    """Run the command line and leave with its exit code; the entry point `seg`."""
    import signal
    import sys

    from seg.errors import EXIT_INTERRUPTED

    try:
        from seg.commands.app import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write("seg: interrupted\n")
        code = EXIT_INTERRUPTED
    # Another Ctrl-C while threads come to their end leaves at once, without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)
