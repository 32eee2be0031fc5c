"""A whole ensemble in one file, against the engine and against a plain loop."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from seg.data.images.images import write_image
from seg.engine import Ensemble
from seg.errors import ModelError, OutputError
from seg.export.fuse.card import EnsembleCard
from seg.export.fuse.existing_model import refuse_fused_of_others
from seg.export.fuse.fuse import FusionRequest, fuse_ensemble
from seg.export.fuse.output_names import FusedOutput
from seg.export.onnx_file.save import save_onnx_model
from seg.files.atomic import sha256_of
from seg.models.card import ENSEMBLE_KEY
from seg.models.model_file import read_model_card
from tests.export.ensembles import random_stacking, write_ensemble
from tests.export.fused import EVERYTHING, fused, run
from tests.export.tiny import CARD, image
from tests.export.tiny import run as run_model

ROOT = Path(__file__).resolve().parents[2]


SIZES = [(24, 31), (31, 24), (9, 40), (1, 1)]


def check_as_engine(path: Path, engine: Ensemble, tolerance: float) -> dict[str, Any]:
    """Hold a fused file to the engine at several sizes; returns its last outputs."""
    for size_hw in SIZES:
        images = [image(*size_hw, seed) for seed in range(3)]
        found = run(path, np.stack(images))
        for row, image_hwc in enumerate(images):
            expected = engine.predict(image_hwc)
            of_label = np.take_along_axis(expected.probabilities, expected.labels[None].astype(np.intp), 0)[0]
            np.testing.assert_array_equal(found["labels"][row], expected.labels)
            np.testing.assert_allclose(found["probabilities"][row], expected.probabilities, atol=tolerance)
            np.testing.assert_allclose(found["confidence"][row], of_label, atol=tolerance)
    return found


@pytest.mark.parametrize("merge", ["mean", "geometric", "vote"])
def test_it_gives_what_the_engine_gives(merge: str, tmp_path: Path) -> None:
    spec, path = fused(tmp_path, merge=merge)
    found = check_as_engine(path, Ensemble.load(spec), 1e-6)
    assert [str(found[name].dtype) for name in EVERYTHING] == ["uint8", "float32", "float32"]


def test_a_stacking_is_in_the_graph(tmp_path: Path) -> None:
    spec, path = fused(tmp_path, stacking=random_stacking(), class_factors={CARD.classes[0].name: 2})
    engine = Ensemble.load(spec)
    check_as_engine(path, engine, 1e-5)
    without = Ensemble.load(spec.model_copy(update={"stacking": None}))
    photo = image(24, 31, 0)
    assert (engine.predict(photo).probabilities != without.predict(photo).probabilities).any()
    (entry,) = (one for one in onnx.load(path).metadata_props if one.key == ENSEMBLE_KEY)
    assert EnsembleCard.model_validate_json(entry.value).is_stacked


def test_members_that_know_some_classes_are_merged_as_in_the_engine(tmp_path: Path) -> None:
    members = [
        {"name": "a", "model": "a.onnx"},
        {"name": "b", "model": "b.onnx", "weight": 2, "covers": ["c1"]},
        {"name": "c", "model": "b.onnx", "covers": ["c0", "c1"], "class_weights": {"c1": 3}},
    ]
    spec, path = fused(tmp_path, members=members)
    engine = Ensemble.load(spec)
    images = [image(24, 31, seed) for seed in range(3)]
    found = run(path, np.stack(images))
    without = engine.only(["a"])
    for row, image_hwc in enumerate(images):
        expected = engine.predict(image_hwc)
        np.testing.assert_array_equal(found["labels"][row], expected.labels)
        np.testing.assert_allclose(found["probabilities"][row], expected.probabilities, atol=1e-6)
        assert (without.predict(image_hwc).labels != expected.labels).any()


@pytest.mark.parametrize("merge", ["mean", "vote"])
def test_members_that_list_their_classes_otherwise_are_turned_inside(merge: str, tmp_path: Path) -> None:
    """The same network with its last kernel's rows in another order, and a card that says so."""
    spec, path = fused(tmp_path, merge=merge)
    images_nhwc = np.stack([image(24, 31, seed) for seed in range(3)])
    expected, order = run(path, images_nhwc), [2, 0, 1]
    other = onnx.load(tmp_path / "b.onnx")
    kernel = next(tensor for tensor in other.graph.initializer if tensor.name == "k1")
    kernel.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(kernel)[order], "k1"))
    turned = CARD.model_copy(update={"classes": tuple(CARD.classes[label] for label in order)})
    save_onnx_model(other, turned, tmp_path / "b.onnx")
    fuse_ensemble(spec, FusionRequest("team", EVERYTHING), path)
    for name, array in run(path, images_nhwc).items():
        np.testing.assert_allclose(array, expected[name], atol=1e-6)


def test_temperatures_and_class_factors_are_in_it(tmp_path: Path) -> None:
    """By hand: logits over the temperature, softmax, weighted mean; factors change labels alone."""
    members = [
        {"name": "a", "model": "a.onnx", "temperature": 2},
        {"name": "b", "model": "a.onnx", "temperature": 0.5, "weight": 3, "class_weights": {"c1": 0.2}},
    ]
    factors = {"c0": 0.3, "c2": 2.5}
    _, path = fused(tmp_path, EVERYTHING, members=members, views="none", class_factors=factors)
    image_nhwc = image(24, 31)[None]
    plain = run_model(onnx.load(tmp_path / "a.onnx"), image_nhwc).astype(np.float64)
    flat, sharp = (odds / odds.sum(1, keepdims=True) for odds in (plain**0.5, plain**2))
    share = np.array([1 / 4, 1 / 1.6, 1 / 4])[:, None, None]
    expected = share * flat + (1 - share) * sharp
    expected /= expected.sum(1, keepdims=True)
    labels = (expected * np.array([0.3, 1, 2.5])[:, None, None]).argmax(1)
    assert (labels != expected.argmax(1)).any()
    found = run(path, image_nhwc)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-5)
    np.testing.assert_array_equal(found["labels"], labels)
    np.testing.assert_allclose(
        found["confidence"], np.take_along_axis(expected, labels[:, None], 1)[:, 0], atol=1e-5
    )
    card = EnsembleCard.model_validate_json(
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        .get_modelmeta()
        .custom_metadata_map["seg.ensemble"]
    )
    assert card.class_factors == factors
    assert [member.temperature for member in card.members] == [2, 0.5]


@pytest.mark.parametrize("views", ["none", "hflip", "flips", "rot90", "d4", ["vflip", "rot270"]])
def test_it_is_the_plain_loop_over_views(views: str | list[str], tmp_path: Path) -> None:
    """Views and back as numpy does them: quarter turns and a mirror."""
    plain = {
        "identity": (0, False),
        "rot90": (1, False),
        "rot180": (2, False),
        "rot270": (3, False),
        "hflip": (0, True),
        "transpose": (1, True),
        "vflip": (2, True),
        "antitranspose": (3, True),
    }
    spec, path = fused(tmp_path, (FusedOutput.probabilities,), views=views)
    image_hwc = image(24, 31)
    expected = np.zeros((3, 24, 31))
    for member in spec.running:
        graph = onnx.load(spec.model(member))
        for view in spec.views_of(member):
            quarters, mirrored = plain[view]
            seen = np.rot90(np.fliplr(image_hwc) if mirrored else image_hwc, quarters)
            answer_chw = run_model(graph, np.ascontiguousarray(seen)[None])[0]
            back_chw = np.rot90(answer_chw, -quarters, axes=(1, 2))
            back_chw = back_chw[:, :, ::-1] if mirrored else back_chw
            expected += back_chw * member.weight / 3 / len(spec.views_of(member))
    (probabilities,) = run(path, image_hwc[None]).values()
    np.testing.assert_allclose(probabilities[0], expected, atol=1e-6)


@pytest.mark.slow
def test_members_of_seg_export_with_their_own_input_modes(tmp_path: Path) -> None:
    """A network that pads and one that resizes, with what PyTorch's exporter makes of them."""
    from seg.export.export import export_checkpoint
    from tests.export.untrained import checkpoint

    for architecture, size_hw in (("fpn", None), ("pspnet", (64, 96))):
        folder = tmp_path / "runs" / architecture
        folder.mkdir(parents=True)
        export_checkpoint(checkpoint(folder, architecture, size_hw), folder / "model.onnx", [image(70, 100)])
    members = [{"name": "fpn"}, {"name": "pspnet", "weight": 0.5, "views": "hflip"}]
    spec, path = fused(tmp_path, members=members)
    engine = Ensemble.load(spec)
    for size_hw in ((70, 101), (33, 64)):
        found = run(path, np.stack([image(*size_hw, seed) for seed in range(2)]))
        for row in range(2):
            expected = engine.predict(image(*size_hw, row))
            np.testing.assert_array_equal(found["labels"][row], expected.labels)
            np.testing.assert_allclose(found["probabilities"][row], expected.probabilities, atol=1e-5)


def test_where_votes_tie_the_best_member_decides(tmp_path: Path) -> None:
    """Both vote with all their weight in one view, and disagree on most pixels."""
    members = [{"name": "a", "model": "a.onnx"}, {"name": "b", "model": "b.onnx"}]
    _, path = fused(tmp_path, (FusedOutput.labels,), members=members, views="none", merge="vote")
    image_hwc = image(24, 31)
    votes = [
        run_model(onnx.load(tmp_path / name), image_hwc[None]).argmax(1) for name in ("a.onnx", "b.onnx")
    ]
    assert (votes[0] != votes[1]).mean() > 0.2
    np.testing.assert_array_equal(run(path, image_hwc[None])["labels"], votes[0])


def test_the_card_says_what_is_inside(tmp_path: Path) -> None:
    spec, path = fused(tmp_path, (FusedOutput.labels, FusedOutput.confidence))
    (entry,) = onnx.load(path).metadata_props
    assert entry.key == ENSEMBLE_KEY
    card = EnsembleCard.model_validate_json(entry.value)
    assert [(m.name, m.share, len(m.views)) for m in card.members] == [("a", 1 / 24, 8), ("b", 2 / 24, 8)]
    assert card.members[0].sha256 == sha256_of(spec.model(spec.members[0]))
    assert card.gives == (FusedOutput.labels, FusedOutput.confidence)
    assert card.verification is not None
    assert (card.verification.agreement, card.verification.faults) == (1.0, 0)
    with pytest.raises(ModelError, match="is a fused ensemble, not a member"):
        read_model_card(path)


def test_a_fused_model_of_another_ensemble_is_not_replaced_without_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `a/top.yaml` and `b/top.yaml` with one folder of runs."""
    _, path = fused(tmp_path, (FusedOutput.labels,))
    capsys.readouterr()
    refuse_fused_of_others(path, ["b", "a"])
    refuse_fused_of_others(tmp_path / "none.onnx", ["c"])
    refuse_fused_of_others(tmp_path / "a.onnx", ["c"])
    assert not capsys.readouterr().err
    refuse_fused_of_others(path, ["b", "c"])
    assert f"{path}: replaces a fused model of a, b" in capsys.readouterr().err
    with pytest.raises(OutputError, match=r"is the fused model of other members \(a, b\): .* --overwrite"):
        refuse_fused_of_others(path, ["c"])


@pytest.mark.slow
def test_the_command_needs_no_torch(tmp_path: Path) -> None:
    """On a machine with nothing but models, where there are no images either."""
    data = {"train": {"images": "none"}, "val": {"images": "none"}, "classes": ["c0", "c1", "c2"]}
    path = write_ensemble(tmp_path, data=data)
    program = """
import sys
sys.modules.update(dict.fromkeys(["torch", "onnxslim", "segmentation_models_pytorch"]))
from seg.commands import main
main()
"""
    command = [sys.executable, "-c", program, "export", str(path), "--fuse", "--outputs", "labels"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "100.0000%" in done.stdout
    assert (tmp_path / "runs/team.onnx").exists()


def test_the_program_in_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word, where its two files are."""
    (program,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/how-to/export.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert len(program.splitlines()) <= 10
    spec, path = fused(tmp_path, (FusedOutput.labels,))
    path.rename(tmp_path / "ensemble.onnx")
    write_image(tmp_path / "street.png", image(24, 31))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(program, "docs/how-to/export.md", "exec"), names)
    expected = Ensemble.load(spec).predict(image(24, 31)).labels
    np.testing.assert_array_equal(names["labels"][0], expected)
    shares = {c.name: float((expected == label).mean()) for label, c in enumerate(CARD.classes)}
    assert names["shares"] == pytest.approx(shares)
