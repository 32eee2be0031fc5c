"""`seg doctor`: a report of this machine's devices, runtimes and libraries, and what is missing."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seg.commands.doctor.member import doctor_member_command
from seg.commands.options.shared import print_table

if TYPE_CHECKING:
    from seg.engine.doctor import DoctorReport
    from seg.engine.runtimes.nvidia.gpu_libraries import GpuLibrary
    from seg.spec.ensemble.prediction import RuntimeName


app = typer.Typer(invoke_without_command=True)
app.command("member")(doctor_member_command)


@app.callback()
def doctor_command(
    context: typer.Context,
    runtime: Annotated[
        str | None,
        typer.Option("--runtime", metavar="NAME", help="Exit with code 2 if this runtime cannot be used."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Report which runtimes this machine can use and what is missing; paste it into a bug report.

    Devices and driver, the libraries that CUDA and TensorRT need, cores, memory and versions. Every
    runtime is tried on a tiny model, as an installed library may still fail to load.
    """
    if context.invoked_subcommand is not None:
        return
    wanted = _known_runtime(runtime) if runtime is not None else None
    from seg.engine.doctor import examine_machine
    from seg.errors import MissingRuntimeError

    report = examine_machine()
    if as_json:
        typer.echo(report.model_dump_json(indent=2))
    else:
        _print_doctor_report(report)
    if wanted and not report.check(wanted).is_usable:
        raise MissingRuntimeError(report.check(wanted).reason)


def _known_runtime(runtime: str) -> "RuntimeName":
    from typing import get_args

    from seg.errors import SpecError
    from seg.spec.base import did_you_mean
    from seg.spec.ensemble.prediction import RuntimeName

    known: tuple[RuntimeName, ...] = get_args(RuntimeName)
    for name in known:
        if name == runtime:
            return name
    raise SpecError(f"--runtime: no runtime {runtime!r}: {did_you_mean(runtime, known)}")


def _print_doctor_report(report: "DoctorReport") -> None:
    from seg.engine.runtimes.nvidia.gpu_libraries import SYSTEM

    _print_text_table(
        f"seg {report.seg}", ("machine", ""), [*_rows_of_machine(report), *_rows_of_gpus(report)]
    )
    _print_text_table(
        "each runtime, tried on a tiny model",
        ("runtime", "usable", ""),
        [
            (one.runtime, "yes" if one.is_usable else "no", one.runs_on or one.reason)
            for one in report.runtimes
        ],
    )
    _print_text_table(
        "the libraries that ONNX Runtime's providers load",
        ("provider", "library", "package", "found"),
        [
            (one.provider, one.name, one.package, _library_folder(one))
            for one in report.libraries
            if one.package != SYSTEM or one.place is None
        ],
    )
    _print_text_table(
        "",
        ("package", "version"),
        [(name, text or "not installed") for name, text in report.versions.items()],
    )
    for finding in report.findings:
        typer.echo(finding)


def _rows_of_machine(report: "DoctorReport") -> list[tuple[str, str]]:
    machine, driver = report.machine, report.driver
    memory = "unknown" if machine.memory is None else f"{machine.memory / 2**30:.1f} GiB"
    return [
        ("system", machine.system),
        ("python", machine.python),
        ("processor", machine.processor),
        ("cores", f"{machine.cores} of {machine.cores_of_machine}"),
        ("memory", memory),
        *((f"OpenVINO on {name}", ", ".join(able)) for name, able in machine.openvino_devices.items()),
        ("NVIDIA driver", f"{driver.version}, for CUDA up to {driver.cuda}" if driver.version else "unknown"),
    ]


def _rows_of_gpus(report: "DoctorReport") -> list[tuple[str, str]]:
    return [
        (
            f"GPU {one.number}",
            f"{one.name}, compute capability {one.compute_capability},"
            f" {one.memory_used / 2**30:.1f} of {one.memory / 2**30:.1f} GiB used, {one.uuid}",
        )
        for one in report.driver.devices
    ]


def _library_folder(library: "GpuLibrary") -> str:
    """The folder of a library, relative to this environment if it is inside."""
    if library.place is None:
        return "missing"
    path = Path(library.place).parent if "/" in library.place else Path(library.place)
    return str(path.relative_to(sys.prefix)) if path.is_relative_to(sys.prefix) else str(path)


def _print_text_table(title: str, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    print_table(title, header, rows, has_numbers=False)
