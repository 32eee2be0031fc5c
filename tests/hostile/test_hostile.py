"""The fast part of the hostile cases, in a program of its own; all of them: `python -m tests.hostile`."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def test_commands_are_clean_about_what_is_fast_to_try() -> None:
    command = [sys.executable, "-m", "tests.hostile", "--fast"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
