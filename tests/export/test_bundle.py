"""A bundle: what it holds, what its wheels are for, and a prediction from it alone."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

from seg.engine import Ensemble
from seg.engine.jobs.predict import run_ensemble
from seg.errors import OutputError, SpecError
from seg.export.bundle import bundle as bundling
from seg.export.bundle.bundle import write_bundle
from seg.export.bundle.request import BundleRequest
from seg.export.bundle.wheels import compatible_platforms, requirements_for, wheel_requires_of
from seg.files.atomic import sha256_of
from seg.spec import EnsembleSpec, SplitSpec, load_ensemble
from seg.spec.ensemble.decision import DecisionSpec
from tests.engine.tiny_models import MakeModel, write_project

REQUEST = BundleRequest("3.12", "manylinux_2_28_x86_64", ())


def fake_download(folder: Path, request: BundleRequest) -> None:
    (folder / "segensemble-0-py3-none-any.whl").write_bytes(b"wheel")


@pytest.fixture
def spec(tmp_path: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch) -> EnsembleSpec:
    monkeypatch.setattr(bundling, "download_wheels", fake_download)
    (tmp_path / "project").mkdir()
    return load_ensemble(write_project(tmp_path / "project", make_model))


@pytest.mark.slow
@pytest.mark.parametrize("fused", [False, True], ids=["members", "fused"])
def test_it_predicts_what_the_ensemble_predicts(spec: EnsembleSpec, tmp_path: Path, fused: bool) -> None:
    """By the command of its notebook, from a zip, without the project, in a process of its own."""
    (images,) = spec.data.to_predict.images
    expected = tmp_path / "expected.csv"
    run_ensemble(spec.model_copy(update={"output": spec.output.model_copy(update={"file": expected})}))
    write_bundle(spec, tmp_path / "bundle", REQUEST, fused=fused)
    archive = shutil.make_archive(str(tmp_path / "bundle"), "zip", tmp_path / "bundle")
    shutil.unpack_archive(archive, tmp_path / "moved")
    shutil.rmtree(tmp_path / "bundle")
    hidden = images.rename(tmp_path / "hidden")
    here = tmp_path / "notebook"
    here.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, *notebook_command(tmp_path / "moved", hidden)],
        cwd=here, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (here / "submission.csv").read_bytes() == expected.read_bytes()


def notebook_command(bundle: Path, images: Path) -> list[str]:
    """What `!python ...` in the bundle's notebook runs."""
    cells = json.loads((bundle / "predict.ipynb").read_text())["cells"]
    (line,) = ["".join(cell["source"]) for cell in cells if cell["source"][0].startswith("!python ")]
    return line.format(BUNDLE=bundle, IMAGES=images).split()[1:]


def test_a_fused_bundle_decides_by_regions(spec: EnsembleSpec, tmp_path: Path) -> None:
    """No graph can, but what runs it does."""
    decided = spec.model_copy(update={"decision": DecisionSpec(least_area=12)})
    write_bundle(decided, tmp_path / "bundle", REQUEST, fused=True)
    image = np.random.default_rng(0).integers(0, 256, (24, 31, 3), dtype=np.uint8)
    bundled, whole, without = (
        Ensemble.load(one).predict(image).labels for one in (tmp_path / "bundle/ensemble.yaml", decided, spec)
    )
    np.testing.assert_array_equal(bundled, whole)
    assert (whole != without).any()


def test_images_of_a_pattern_keep_it(spec: EnsembleSpec, tmp_path: Path) -> None:
    images = tmp_path / "project" / "{case}" / "*.png"
    predict = SplitSpec(images=(images,), id="{case}_{stem}")
    patterned = spec.model_copy(update={"data": spec.data.model_copy(update={"predict": predict})})
    write_bundle(patterned, tmp_path / "bundle", REQUEST)
    found = load_ensemble(tmp_path / "bundle/ensemble.yaml").data.to_predict
    assert found.images == (tmp_path / "bundle/images/{case}/*.png",)
    assert found.id == "{case}_{stem}"


@pytest.mark.parametrize("fused", [False, True], ids=["members", "fused"])
def test_a_bundle_names_no_path_outside(
    spec: EnsembleSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fused: bool
) -> None:
    """Even where it is written by a relative path."""
    monkeypatch.chdir(tmp_path)
    write_bundle(spec, Path("bundle"), REQUEST, fused=fused)
    found = load_ensemble(tmp_path / "bundle/ensemble.yaml")
    assert found.output.file == tmp_path / "bundle/submission.csv"
    assert all(found.model(m).is_relative_to(tmp_path / "bundle/models") for m in found.members)


def test_the_manifest_has_every_file(spec: EnsembleSpec, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    written = write_bundle(spec, folder, REQUEST)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["python"] == "3.12"
    listed = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert set(manifest["sha256"]) == listed - {"manifest.json", ".seg-folder"}
    assert all(sha256_of(folder / name) == sha256 for name, sha256 in manifest["sha256"].items())
    assert written.wheels == len(b"wheel")


def test_a_folder_of_the_users_is_not_replaced(spec: EnsembleSpec, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle/notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="bundle"):
        write_bundle(spec, tmp_path / "bundle", REQUEST)
    assert (tmp_path / "bundle/notes.txt").read_text() == "mine"


def test_wheels_of_older_manylinux_fit() -> None:
    """By hand, after PEP 600: 2014, 2010 and 1 are manylinux_2_17, 2_12 and 2_5."""
    found = list(compatible_platforms("manylinux_2_13_x86_64"))
    assert found == [
        "manylinux_2_13_x86_64", "manylinux_2_12_x86_64", "manylinux2010_x86_64", "manylinux_2_11_x86_64",
        "manylinux_2_10_x86_64", "manylinux_2_9_x86_64", "manylinux_2_8_x86_64", "manylinux_2_7_x86_64",
        "manylinux_2_6_x86_64", "manylinux_2_5_x86_64", "manylinux1_x86_64",
    ]  # fmt: skip
    assert "manylinux2014_aarch64" in compatible_platforms("manylinux_2_28_aarch64")
    assert list(compatible_platforms("macosx_14_0_arm64")) == ["macosx_14_0_arm64"]


@pytest.mark.parametrize(
    ("extras", "expected"),
    [
        ((), {"numpy", "onnxruntime"}),
        (("cuda",), {"numpy", "onnxruntime-gpu", "nvidia-ml-py"}),
        (("geo",), {"numpy", "onnxruntime", "rasterio"}),
    ],
)
def test_a_box_without_a_gpu_gets_no_gpu_packages(extras: tuple[str, ...], expected: set[str]) -> None:
    requires = [
        "numpy>=1.26",
        'onnxruntime-gpu>=1.21; sys_platform == "linux" and platform_machine == "x86_64"',
        'onnxruntime>=1.21; sys_platform != "linux"',
        'nvidia-ml-py>=12; extra == "cuda"',
        'rasterio>=1.4; extra == "geo"',
        'torch; extra == "train"',
    ]
    found = [Requirement(text) for text in requirements_for(requires, extras)]
    assert {requirement.name for requirement in found} == expected
    assert not any(requirement.marker for requirement in found)


def test_requirements_are_read_from_a_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / "a-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as content:
        content.writestr(
            "a-1.dist-info/METADATA", "Name: a\nRequires-Dist: b>=1\nRequires-Dist: c; extra == 'd'\n\nText"
        )
    assert wheel_requires_of(wheel) == ["b>=1", "c; extra == 'd'"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"python": "3.9"}, "--python 3.9: name a version from 3.11"),
        ({"python": "latest"}, "--python latest"),
        ({"platform": "--index-url=x"}, "--platform --index-url=x: name one as wheels do"),
        ({"extras": ["cudda"]}, "--extra cudda: did you mean 'cuda'"),
    ],
)
def test_what_cannot_be_bundled_is_refused(
    options: dict[str, object], message: str, spec: EnsembleSpec
) -> None:
    with pytest.raises(SpecError, match=message):
        BundleRequest.of(spec, **options)  # type: ignore[arg-type]


def test_the_runtime_brings_its_extra(spec: EnsembleSpec) -> None:
    assert BundleRequest.of(spec.model_copy(update={"runtime": "openvino-bf16"})).extras == ("openvino",)
    assert BundleRequest.of(spec.model_copy(update={"runtime": "cuda"}), extras=["geo"]).extras == (
        "cuda",
        "geo",
    )
    assert BundleRequest.of(spec).extras == ()
