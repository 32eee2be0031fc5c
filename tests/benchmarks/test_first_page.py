"""The first page's table: what counts as a line, and that seg reads what the loop beside it writes."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.first_page import lines_of_python, lines_of_yaml
from benchmarks.first_page_loop import run_lengths
from seg.data.tables.run_lengths import decode_run_lengths

PYTHON = '''"""A module."""

# A comment.
import os


def f(
    a: int,
) -> int:
    """It."""
    return a
'''


def test_lines_are_statements_without_comments_and_docstrings(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(PYTHON)
    assert lines_of_python(tmp_path / "a.py") == len(["import os", "def f(a: int) -> int:", "return a"])
    (tmp_path / "a.yaml").write_text("# A comment.\ndata: x\n\nmembers:\n  - a  # one\n")
    assert lines_of_yaml(tmp_path / "a.yaml") == 3


@pytest.mark.parametrize("seed", range(5))
def test_the_loop_writes_run_lengths_that_seg_reads(seed: int) -> None:
    mask_hw = np.random.default_rng(seed).random((7, 5)) < (0.0, 0.3, 0.5, 0.8, 1.1)[seed]
    assert (decode_run_lengths(run_lengths(mask_hw), (7, 5), "columns", 1) == mask_hw).all()
