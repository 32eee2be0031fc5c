"""Two processes train one network: what one would, what they can, and nothing by halves."""

import os
import signal
import subprocess
import sys
import time
from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from seg.files.atomic import sha256_of
from seg.spec import load_ensemble
from seg.train.batches.sampling import DistributedSampler, EpochSampler
from seg.train.trainer import train_member
from tests.train.conftest import SpecWriter
from tests.train.toy_metrics import metrics

pytestmark = pytest.mark.slow

# Without batch normalisation, which sees other images in each process.
RECIPE = {"architecture": "fpn", "encoder": "tu-test_convnext", "epochs": 3}


@given(
    images=st.integers(2, 40),
    part=st.integers(1, 4),
    count=st.integers(1, 4),
    seed=st.integers(0, 9),
    epoch=st.integers(0, 9),
)
def test_dealt_batches_are_those_of_one_process(
    images: int, part: int, count: int, seed: int, epoch: int
) -> None:
    batch = part * count
    alone = list(EpochSampler(images, seed, epoch))
    dealt = [
        list(DistributedSampler(EpochSampler(images, seed, epoch), batch, place, count))
        for place in range(count)
    ]
    together = [
        draw
        for start in range(0, max(map(len, dealt)), part)
        for mine in dealt
        for draw in mine[start : start + part]
    ]
    assert together == alone[: images // batch * batch]
    sampler = DistributedSampler(EpochSampler(images, seed, epoch), batch, 0, count)
    assert len(sampler) == len(dealt[0])


def start(spec_path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "seg", "train", str(spec_path), "--devices", "2"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


def run(spec_path: Path) -> tuple[int, str]:
    process = start(spec_path)
    _, said = process.communicate(timeout=600)
    return process.returncode, said


def model(spec_path: Path) -> Path:
    return spec_path.parent / "runs" / "toy" / "model.safetensors"


@pytest.fixture(scope="module")
def trained_by_two(toy_spec: SpecWriter, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = toy_spec(tmp_path_factory.mktemp("two"), **RECIPE)
    code, said = run(path)
    assert code == 0, said
    return path


def test_two_judge_a_network_as_one_does(toy_spec: SpecWriter, tmp_path: Path) -> None:
    """A network that hardly learns is the same in both, and so are its figures."""
    one, two = (toy_spec(tmp_path / name, **RECIPE | {"learning_rate": 1e-9}) for name in ("one", "two"))
    spec = load_ensemble(one)
    train_member(spec, spec.member("toy"))
    assert run(two)[0] == 0
    for alone, together in zip_longest(metrics(one), metrics(two)):
        # In training each process draws dropout of its own.
        assert alone.pop("train_loss") != together.pop("train_loss")
        assert together == pytest.approx(alone, rel=1e-4, nan_ok=True)


def test_two_learn_as_one_does(trained_by_two: Path, toy_spec: SpecWriter, tmp_path: Path) -> None:
    one = toy_spec(tmp_path, **RECIPE)
    spec = load_ensemble(one)
    train_member(spec, spec.member("toy"))
    alone, together = metrics(one), metrics(trained_by_two)
    assert together[-1]["val_loss"] < 0.8 * together[0]["val_loss"]
    assert together[-1]["val_loss"] == pytest.approx(alone[-1]["val_loss"], rel=0.25)
    assert load_file(model(one)).keys() == load_file(model(trained_by_two)).keys()


def test_two_that_were_killed_go_on(trained_by_two: Path, toy_spec: SpecWriter, tmp_path: Path) -> None:
    path = toy_spec(tmp_path, **RECIPE)
    state = path.parent / "runs" / "toy" / "last.ckpt"
    supervisor = start(path)
    while not state.exists() and supervisor.poll() is None:
        time.sleep(0.01)
    os.kill(supervisor.pid, signal.SIGKILL)
    supervisor.communicate()
    assert state.exists(), "the run ended before it was killed"
    code, said = run(path)
    assert code == 0, said
    assert metrics(path) == metrics(trained_by_two)
    assert sha256_of(model(path)) == sha256_of(model(trained_by_two))


def test_what_one_process_finds_wrong_is_said_once(toy_spec: SpecWriter, tmp_path: Path) -> None:
    code, said = run(toy_spec(tmp_path, **RECIPE, batch_size=5))
    assert code == 2
    assert said.strip().splitlines()[-1] == (
        "seg: a batch of 5 cannot be divided among 2 processes: make the recipe's batch_size a multiple of 2"
    )
    assert said.count("cannot be divided") == 1
