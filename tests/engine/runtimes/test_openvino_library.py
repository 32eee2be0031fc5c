"""OpenVINO as seg imports it."""

import subprocess
import sys

import pytest

from seg.engine.runtimes.openvino.library import has_openvino

PROGRAM = """
import sys
from seg.engine.runtimes.openvino.library import import_openvino
assert import_openvino().Core().available_devices
print(*(name for name, module in sys.modules.items() if module))
"""


@pytest.mark.slow
@pytest.mark.skipif(not has_openvino(), reason="OpenVINO is not installed")
def test_its_telemetry_is_not_loaded() -> None:
    """It would send to the internet; OpenVINO has a stub for where it is not installed."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert "openvino.tools.ovc.telemetry_stub" in loaded
    assert not any(name.startswith("openvino_telemetry") for name in loaded)


FIRST_ARRAYS = """
import os, sys, threading
from seg.engine.runtimes.openvino.library import import_openvino

openvino = import_openvino()
sys.setswitchinterval(1e-6)
together = threading.Barrier(8)

def take_array():
    together.wait()
    openvino.Type.u8.to_dtype()

threads = [threading.Thread(target=take_array, daemon=True) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(10)
print(sum(thread.is_alive() for thread in threads), flush=True)
os._exit(0)
"""


@pytest.mark.skipif(not has_openvino(), reason="OpenVINO is not installed")
def test_the_first_arrays_of_several_threads_do_not_wait_for_each_other() -> None:
    """OpenVINO's binding, pybind11, sets up NumPy at the first one, and can hang in it."""
    done = subprocess.run([sys.executable, "-c", FIRST_ARRAYS], capture_output=True, text=True, check=False)
    assert done.stdout == "0\n", done.stderr
