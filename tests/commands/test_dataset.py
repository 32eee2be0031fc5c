"""`seg data sample` and `seg data check` in processes of their own."""

from pathlib import Path

from seg.data.sample import write_sample_dataset
from tests.commands.processes import seg


def test_a_check_that_finds_an_error_ends_with_two(tmp_path: Path) -> None:
    write_sample_dataset(tmp_path / "data", train=12, val=1, predict=1, size_hw=(32, 32))
    yaml = tmp_path / "data/dataset.yaml"
    assert seg("data", "check", yaml).returncode == 0
    (tmp_path / "data/val/val_0001.jpg").unlink()
    done = seg("data", "check", yaml)
    assert done.returncode == 2
    assert "val_0001.jpg" in done.stdout


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = seg("data", "sample", tmp_path / "file" / "data")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "file" in line
