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
