"""What a wheel holds, and that it works where the links of the checkout are not."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("engine", "evaluate", "export", "train")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode().split("\0")  # fmt: skip
    for name in filter(None, tracked):
        target = source / name
        if not (ROOT / name).exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_symlink():
            target.symlink_to((ROOT / name).readlink())
        else:
            target.write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "-q", "-w", str(folder), str(source)], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def modules_of_the_checkout() -> set[str]:
    shared = {
        p.relative_to(ROOT)
        for p in (ROOT / "seg").rglob("*.py")
        if p.parts[len(ROOT.parts) + 1] not in PACKAGES
    }
    packages = {
        Path("seg") / p.relative_to(ROOT) for package in PACKAGES for p in (ROOT / package).rglob("*.py")
    }
    return {p.as_posix() for p in shared | packages}


def assets_of_the_checkout() -> set[str]:
    folders = ("evaluate/report/assets", "engine/serve/page", "export/bundle/files", "pictures/zoom_map/page")
    return {f"seg/{folder}/{file.name}" for folder in folders for file in (ROOT / "seg" / folder).iterdir()}


def test_it_holds_every_module_and_nothing_at_the_top(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == modules_of_the_checkout() | assets_of_the_checkout() | {"seg/py.typed"}


def test_it_runs_without_the_checkout(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = "import seg.engine.jobs.predict, seg.spec; print(seg.engine.jobs.predict.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == tmp_path / "seg/engine/jobs/predict.py"
