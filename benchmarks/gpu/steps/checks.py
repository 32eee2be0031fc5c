"""What the machine can run, and whether the tests that need a GPU pass."""

import json
import subprocess
import sys
from typing import Any

from benchmarks.gpu.harness.child import StepCall, run_as_child
from benchmarks.gpu.harness.lacking import COSTS, lacking_modules
from benchmarks.gpu.harness.rows import Row


def check_machine(call: StepCall) -> None:
    {"doctor": check_by_doctor, "pytest": check_by_tests}[call.arguments[0]](call)


def check_by_doctor(call: StepCall) -> None:
    """Rows for the devices, the runtimes and the libraries; the whole report is in OUT/doctor.json."""
    command = [sys.executable, "-m", "seg", "doctor", "--json"]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(text)
    report: dict[str, Any] = json.loads(text)
    (call.workspace.out / "doctor.json").write_text(text, encoding="utf-8")
    machine, driver = report["machine"], report["driver"]
    for name in lacking_modules():
        call.add(Row("machine", name, status="absent", note=f"not installed: {COSTS[name]}"))
    call.add(Row("machine", "machine", note=f"{machine['processor']}, {machine['cores']} cores"))
    for one in driver["devices"]:
        name = f"{one['name']}, compute capability {one['compute_capability']}, driver {driver['version']}"
        call.add(Row("machine", f"GPU {one['number']}", note=name))
    if not driver["devices"]:
        call.add(Row("machine", "GPU", status="absent", note=driver["missing"] or "the driver lists none"))
    for one in report["runtimes"]:
        note = one["runs_on"] or f"absent: {one['reason']}"
        call.add(
            Row("machine", f"runtime {one['runtime']}", status=_status_of_check(one["is_usable"]), note=note)
        )
    missing = [one["name"] for one in report["libraries"] if one["place"] is None]
    call.add(
        Row("machine", "libraries", note=f"missing: {', '.join(missing)}" if missing else "none is missing")
    )


def check_by_tests(call: StepCall) -> None:
    if lacking := {"pytest", "pytest_timeout", "hypothesis"} & set(lacking_modules()):
        note = f"absent: not installed: {', '.join(sorted(lacking))}"
        call.add(Row("machine", "pytest -m gpu", status="absent", note=note))
        return
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout)
    if done.returncode:
        sys.exit(done.returncode)
    call.add(Row("machine", "pytest -m gpu", note=done.stdout.splitlines()[-1]))


def _status_of_check(is_usable: bool) -> Any:
    return "measured" if is_usable else "absent"


if __name__ == "__main__":
    run_as_child(check_machine)
