"""What typer imports of shellingham, to complete commands in shells."""


class ShellDetectionFailure(EnvironmentError):  # noqa: N818
    """No shell is known."""


def detect_shell() -> tuple[str, str]:
    raise ShellDetectionFailure
