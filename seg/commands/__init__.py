"""The command line: one file a command, and no heavy import before its command runs."""


def main() -> None:
    """Run the command line; the entry point `seg`."""
    from seg.commands.app import run

    run()
