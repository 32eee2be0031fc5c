"""`benchmarks.gpu`: what fails, hangs or has no time left costs its own rows alone."""

import json
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.gpu.harness import lacking
from benchmarks.gpu.harness.harness import Results, Step, run_benchmark_step, run_benchmark_steps
from benchmarks.gpu.harness.rows import Row, append_measured_row, read_measured_rows
from benchmarks.gpu.harness.table import as_markdown, with_comparisons
from benchmarks.gpu.labels import save_labels
from benchmarks.gpu.steps.steps import gpu_benchmark_steps
from benchmarks.gpu.workspace import FULL, SMALL, Workspace

ROW = (
    "from benchmarks.gpu.harness.rows import *;"
    "append_measured_row(Path({rows!r}), Row('d4', 'half', {{'images/s': 2.0}}));"
)
FOREVER = "import time; time.sleep(600)"

pytestmark = pytest.mark.slow


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path, SMALL)


def step(program: str, workspace: Workspace, name: str = "a step", limit_s: float = 60) -> Step:
    """A step that hands on one row, and then does this."""
    return Step(name, "d4", ("-c", ROW.format(rows=str(workspace.rows)) + program), limit_s)


def test_a_step_that_fails_keeps_its_rows_and_says_why(workspace: Workspace, tmp_path: Path) -> None:
    one = step("print('so far'); raise ValueError('out of luck')", workspace)
    rows, outcome = run_benchmark_step(one, 60, workspace.rows, tmp_path / "log.txt")
    assert [(row.name, row.status) for row in rows] == [("half", "measured"), ("a step", "failed")]
    assert rows[1].note.startswith("failed: ")
    assert rows[1].note.endswith("ValueError: out of luck")
    assert outcome.status == "failed"
    assert "so far" in (tmp_path / "log.txt").read_text()


def test_a_step_that_hangs_is_ended_with_what_it_started(workspace: Workspace, tmp_path: Path) -> None:
    child = (
        f"import subprocess, sys; print('begun'); p = subprocess.Popen([sys.executable, '-c', {FOREVER!r}]);"
    )
    noted = f"Path({str(tmp_path / 'pid')!r}).write_text(str(p.pid)); p.wait()"
    rows, outcome = run_benchmark_step(
        step(child + noted, workspace), 8, workspace.rows, tmp_path / "log.txt"
    )
    assert [row.status for row in rows] == ["measured", "timed out"]
    assert rows[1].note == "timed out after 8 s: begun"
    assert outcome.seconds < 60
    assert is_gone(int((tmp_path / "pid").read_text()))


def is_gone(pid: int) -> bool:
    """Within a moment, as the system ends it by itself; it may stay a zombie for its new parent."""
    for _ in range(100):
        status = Path(f"/proc/{pid}/status")
        if not status.exists() or "\nState:\tZ" in status.read_text():
            return True
        time.sleep(0.1)
    return False


def test_all_steps_have_their_rows_whatever_the_others_do(workspace: Workspace) -> None:
    steps = [
        step("", workspace, "good"),
        step("import os; os.abort()", workspace, "crashes"),
        step("", workspace, "good again"),
    ]
    results = run_benchmark_steps(steps, workspace, time.monotonic() + 600)
    assert [(one.name, one.status) for one in results.outcomes] == [
        ("good", "measured"),
        ("crashes", "failed"),
        ("good again", "measured"),
    ]
    assert [row.name for row in results.rows] == ["half", "half", "crashes", "half"]
    assert results.is_finished
    document = json.loads((workspace.out / "gpu.json").read_text())
    assert [row["name"] for row in document["rows"]] == ["half", "half", "crashes", "half"]
    assert (workspace.out / "gpu.md").read_text() == as_markdown(results) + "\n"


def test_results_are_written_after_every_step(workspace: Workspace) -> None:
    """The second step finds those of the first."""
    look = f"import json; d = json.load(open({str(workspace.out / 'gpu.json')!r}))"
    check = f"{look}; assert not d['is_finished']; assert [o['name'] for o in d['outcomes']] == ['first']"
    results = run_benchmark_steps(
        [step("", workspace, "first"), step(check, workspace, "second")], workspace, time.monotonic() + 600
    )
    assert [one.status for one in results.outcomes] == ["measured", "measured"]


def test_what_ends_the_run_leaves_what_was_measured(workspace: Workspace, tmp_path: Path) -> None:
    """As `timeout` does, or whoever lends the machine."""
    program = f"""
import signal, sys, time
from pathlib import Path
from benchmarks.gpu.harness.harness import Step, run_benchmark_steps
from benchmarks.gpu.workspace import SMALL, Workspace
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
code = {(ROW.format(rows=str(workspace.rows)) + FOREVER)!r}
workspace = Workspace(Path({str(tmp_path)!r}), SMALL)
run_benchmark_steps([Step("endless", "d4", ("-c", code), 600)], workspace, time.monotonic() + 600)
"""
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen([sys.executable, "-c", program], cwd=root)
    deadline = time.monotonic() + 120
    while not list(read_measured_rows(workspace.rows)) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.terminate()
    assert process.wait(60) == 1
    document = json.loads((workspace.out / "gpu.json").read_text())
    assert [row["name"] for row in document["rows"]] == ["half"]
    assert not document["is_finished"]


def test_no_step_is_begun_after_the_end(workspace: Workspace) -> None:
    results = run_benchmark_steps([step("", workspace, "late")], workspace, time.monotonic())
    (row,) = results.rows
    assert (row.name, row.status) == ("late", "no time left")


def test_a_row_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    append_measured_row(tmp_path / "rows.jsonl", Row("d4", "whole", {"images/s": 1.5}))
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"section": "d4", "na')
    assert list(read_measured_rows(tmp_path / "rows.jsonl")) == [Row("d4", "whole", {"images/s": 1.5})]


def test_rows_are_compared_with_the_amp_loop_their_networks_and_the_fp32_loop(workspace: Workspace) -> None:
    truth = np.arange(100, dtype=np.uint8).reshape(10, 10)
    ours = truth.copy()
    ours[0, 0] = 77
    for key, labels in (("loop-fp32", truth), ("engine-fp16", ours)):
        save_labels(workspace.labels("d4", key), {"0001": labels, f"only here {key}": labels})
    rows = [
        Row("d4", "engine, fp16", {"images/s": 30.0}, "engine-fp16", "networks-fp16"),
        Row("d4", "AMP", {"images/s": 4.0}, "loop-amp"),
        Row("d4", "alone", {"images/s": 40.0}, "networks-fp16"),
        Row("hflip", "another section", {"images/s": 1000.0}, "loop-amp"),
    ]
    engine, amp, alone, other = with_comparisons(rows, workspace)
    assert engine.cells == {
        "images/s": 30.0,
        "times the AMP loop": 7.5,
        "of its networks' speed": "75.0%",
        "labels equal": "99.000%",
    }
    assert amp.cells["times the AMP loop"] == 1.0
    assert alone.cells["times the AMP loop"] == 10.0
    assert "labels equal" not in other.cells


def test_the_table_has_a_section_for_each_subject() -> None:
    rows = [
        Row("d4", "engine", {"images/s": 12.345678, "images": 20000}),
        Row("d4", "loop", {"images/s": 1.0}, note="a | in it"),
        Row("machine", "GPU 0", note="a device"),
    ]
    text = as_markdown(Results(is_small=True, rows=rows))
    assert text.index("GPU 0") < text.index("engine")
    assert "|  | images/s | images |  |\n|---|---:|---:|---|\n| engine | 12.35 | 20000 |  |" in text
    assert "| loop | 1 |  | a \\| in it |" in text
    assert "not finished" in text


@pytest.mark.parametrize("scale", [FULL, SMALL])
def test_steps_have_names_of_their_own_and_modules_that_are_there(scale: object, tmp_path: Path) -> None:
    steps = gpu_benchmark_steps(Workspace(tmp_path, FULL if scale is FULL else SMALL))
    assert len({one.name for one in steps}) == len(steps)
    root = Path(__file__).resolve().parents[2]
    for one in steps:
        assert (root / (one.arguments[1].replace(".", "/") + ".py")).exists()
        assert ("--small" in one.arguments) == (scale is SMALL)


def test_steps_go_on_with_stand_ins_for_what_is_not_installed(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And still know that it is not installed."""
    jpeg = cv2.imencode(".jpg", np.full((3, 5, 3), 200, np.uint8))[1].tobytes()
    (tmp_path / "a.jpg").write_bytes(jpeg)
    monkeypatch.setattr(lacking, "_is_installed", lambda name: name not in ("simplejpeg", "annotated_doc"))
    program = (
        "import simplejpeg, annotated_doc;"
        "from benchmarks.gpu.harness.lacking import lacking_modules;"
        f"data = Path({str(tmp_path / 'a.jpg')!r}).read_bytes();"
        "print(simplejpeg.decode_jpeg_header(data)[:2], simplejpeg.decode_jpeg(data, 'RGB').mean(),"
        " {'simplejpeg', 'annotated_doc'} <= {*lacking_modules()})"
    )
    run_benchmark_step(step(program, workspace), 60, workspace.rows, tmp_path / "log.txt")
    assert (tmp_path / "log.txt").read_text() == "(3, 5) 200.0 True\n"
