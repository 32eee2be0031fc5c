"""A sweep whose workers share a real PostgreSQL, and one of which dies far away."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from seg.errors import SpecError
from seg.spec.recipe.sweep import load_sweep
from seg.train.sweep import open_sweep

pytestmark = pytest.mark.slow

HEARTBEAT_S = 1

WORKER = f"""
import json, socket, sys
from pathlib import Path
from seg.spec.recipe.sweep import load_sweep
from seg.train.sweep import open_sweep, study
study.HEARTBEAT_S = {HEARTBEAT_S}
socket.gethostname = lambda: sys.argv[2]
sweep = open_sweep(load_sweep(Path(sys.argv[1])))
sweep.run(lambda _: None)
print(json.dumps([(one.state, one.setting["seed"], one.name) for one in sweep.outcomes()]))
"""


def _programs() -> Path | None:
    """Where PostgreSQL's programs are, which Debian does not put on the path."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else None


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The URL of a server that is begun for these tests, as a user that is not root."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    pytest.importorskip("psycopg", reason="needs segensemble[postgres]")
    user: dict[str, Any] = {"user": "postgres"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="seg-postgres-"))
    if user:
        shutil.chown(folder, "postgres")
    data, port = folder / "data", _free_port()
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "cwd": folder, **user}
    try:
        initdb: list[str | Path] = [
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "--no-sync",
        ]
        subprocess.run(initdb, check=True, **quiet)
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        control: list[str | Path] = [programs / "pg_ctl", "-D", data, "-w"]
        subprocess.run([*control, "-l", folder / "log", "-o", options, "start"], check=True, **quiet)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, **quiet)
    finally:
        shutil.rmtree(folder)


def begin(sweep: Path, machine: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, str(sweep), machine]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.fixture
def sweep(toy_spec: Callable[..., Path], tmp_path: Path, database: str) -> Path:
    document = YAML(typ="safe").load(toy_spec(tmp_path / "base", epochs=20))
    path = tmp_path / "sweep.yaml"
    grid = {"seed": [0, 1]}
    parts = {"data": document["data"], "recipe": document["recipe"], "grid": grid, "runs": "sweep"}
    YAML(typ="safe").dump({**parts, "storage": database}, path)
    return path


def test_what_a_killed_worker_of_another_machine_began_is_ended_by_another(
    sweep: Path,
) -> None:
    far = begin(sweep, "far-away")
    deadline = time.monotonic() + 120
    while not list(sweep.parent.glob("sweep/*/last.ckpt")) and time.monotonic() < deadline:
        time.sleep(0.05)
    far.send_signal(signal.SIGKILL)
    far.communicate()
    (begun,) = sweep.parent.glob("sweep/*/last.ckpt")
    assert not (begun.parent / "model.safetensors").exists(), "the trial ended before its worker was killed"
    workers = [begin(sweep, name) for name in ("near", "nearer")]
    said = [worker.communicate(timeout=200)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    for found in map(json.loads, said):
        assert sorted(seed for state, seed, _ in found if state == "complete") == [0, 1]
        assert [name for state, _, name in found if state == "taken back"] == [begun.parent.name]
        assert len(found) == 3


def test_a_server_that_does_not_answer_is_one_line_without_its_password(sweep: Path, database: str) -> None:
    document = YAML(typ="safe").load(sweep)
    document["storage"] = f"postgresql://me:secret@127.0.0.1:{_free_port()}/postgres"
    YAML(typ="safe").dump(document, sweep)
    with pytest.raises(SpecError, match="cannot be opened") as raised:
        open_sweep(load_sweep(sweep))
    assert "secret" not in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1
