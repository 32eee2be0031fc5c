"""`benchmarks.gpu`, options of the CUDA provider: all of it that a CPU can do."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu.harness.child import StepCall
from benchmarks.gpu.harness.rows import read_measured_rows
from benchmarks.gpu.steps.cuda_options import CudaNetwork, in_own_buffers, measure_options
from benchmarks.gpu.workspace import SMALL, Workspace
from seg.engine.passes.device_values import run_from_host
from seg.models.model_file import INPUT, OUTPUT
from tests.engine.tiny_models import MakeModel

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("what", "rows"), [("streams", 4), ("options", 2), ("graph", 1), ("waiting", 1)])
def test_each_step_ends_on_a_cpu(make_model: MakeModel, tmp_path: Path, what: str, rows: int) -> None:
    workspace = Workspace(tmp_path, SMALL)
    model = workspace.runs("fp16") / SMALL.networks[0].name / "model.onnx"
    model.parent.mkdir(parents=True)
    shutil.copy2(make_model(3), model)
    measure_options(StepCall(workspace, (what,)))
    found = list(read_measured_rows(workspace.rows))
    assert len(found) == rows
    for row in found:
        assert row.status == "absent" or float(row.cells["passes/s"]) > 0


def test_buffers_that_stay_have_the_probabilities_of_each_batch(make_model: MakeModel) -> None:
    rng = np.random.default_rng(0)
    images_nhwc = rng.integers(0, 256, (2, 20, 30, 3), dtype=np.uint8)
    network = CudaNetwork(make_model(3), "cpu", images_nhwc, has_fixed_sizes=True)
    run_batch = in_own_buffers(network)
    for _ in range(2):
        images_nhwc[...] = rng.integers(0, 256, images_nhwc.shape)
        expected = run_from_host(network.session, "cpu", INPUT, images_nhwc, OUTPUT).numpy()
        np.testing.assert_array_equal(run_batch().numpy(), expected)
