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
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from seg.card import ENSEMBLE_KEY
from seg.commands.app import app
from seg.commands.fuse import fuse_verified
from seg.data.images import write_image
from seg.engine import Ensemble
from seg.errors import ModelError, SegError, SpecError, VerificationError
from seg.export.fuse.card import EnsembleCard
from seg.export.fuse.check import Expected, Witness, check
from seg.export.fuse.give import Give
from seg.export.save import save_model
from seg.files import sha256_of
from seg.model_file import read_model_card
from seg.spec import EnsembleSpec
from tests.export.ensembles import ensemble, write_ensemble
from tests.export.tiny import CARD, image, model, random_kernels
from tests.export.tiny import run as run_model

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = (Give.labels, Give.probabilities, Give.confidence)
SIZES = [(24, 31), (31, 24), (9, 40), (1, 1)]


def run(path: Path, images_nhwc: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"image": images_nhwc}), strict=True))


def fused(folder: Path, gives: tuple[Give, ...] = EVERYTHING, **said: Any) -> tuple[EnsembleSpec, Path]:
    spec = ensemble(folder, **said)
    fuse_verified("team", spec, gives, folder / "team.onnx")
    return spec, folder / "team.onnx"


@pytest.mark.parametrize("merge", ["mean", "geometric", "vote"])
def test_it_says_what_the_engine_says(merge: str, tmp_path: Path) -> None:
    spec, path = fused(tmp_path, merge=merge)
    engine = Ensemble.load(spec)
    for size_hw in SIZES:
        images = [image(*size_hw, seed) for seed in range(3)]
        found = run(path, np.stack(images))
        for row, image_hwc in enumerate(images):
            expected = engine.predict(image_hwc)
            np.testing.assert_array_equal(found["labels"][row], expected.labels)
            np.testing.assert_allclose(found["probabilities"][row], expected.probabilities, atol=1e-6)
            np.testing.assert_allclose(found["confidence"][row], expected.probabilities.max(0), atol=1e-6)
    assert [str(found[give].dtype) for give in EVERYTHING] == ["uint8", "float32", "float32"]


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
    spec, path = fused(tmp_path, (Give.probabilities,), views=views)
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


def test_members_of_seg_export_with_their_own_input_modes(tmp_path: Path) -> None:
    """A network that pads and one that resizes, with what PyTorch's exporter makes of them."""
    from seg.export.export import export_checkpoint
    from tests.export.test_export import checkpoint

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


def test_scaled_views_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"a: views: a fused file has no scale0\.75"):
        fused(tmp_path, views=["identity", "scale0.75"])


def test_members_of_one_file_share_its_weights(tmp_path: Path) -> None:
    """As when one network's views are to weigh differently."""
    members = [
        {"name": "much", "model": "a.onnx", "views": "none", "weight": 3},
        {"name": "little", "model": "a.onnx", "views": ["hflip", "rot90"]},
    ]
    spec, path = fused(tmp_path, members=members)
    names = {tensor.name for tensor in onnx.load(path).graph.initializer}
    assert {"much/k0", "much/k1", "much/share", "little/share"} <= names
    assert not {"little/k0", "little/k1"} & names
    labels = run(path, image(24, 31)[None])["labels"][0]
    np.testing.assert_array_equal(labels, Ensemble.load(spec).predict(image(24, 31)).labels)


@pytest.mark.parametrize(("views", "copies"), [("flips", 1), ("d4", 2), (["rot90"], 1)])
def test_weights_are_there_once_and_networks_once_an_orientation(
    views: str | list[str], copies: int, tmp_path: Path
) -> None:
    spec, path = fused(tmp_path, views=views)
    graph = onnx.load(path).graph
    kernels = [numpy_helper.to_array(t) for t in graph.initializer if len(t.dims) == 4 and t.dims[1] > 1]
    assert sorted(k.tobytes() for k in kernels if k.dtype == np.float32 and k.shape[2] == 3) == sorted(
        k.tobytes() for seed in (1, 2) for k in random_kernels(seed)
    )
    assert sum(node.op_type == "Conv" for node in graph.node) == copies * 2 * len(spec.running)
    names = [node.name for node in graph.node if node.name]
    assert len(set(names)) == len(names) > 0


def test_where_votes_tie_the_best_member_decides(tmp_path: Path) -> None:
    """Both vote with all their weight in one view, and disagree on most pixels."""
    members = [{"name": "a", "model": "a.onnx"}, {"name": "b", "model": "b.onnx"}]
    _, path = fused(tmp_path, (Give.labels,), members=members, views="none", merge="vote")
    image_hwc = image(24, 31)
    votes = [
        run_model(onnx.load(tmp_path / name), image_hwc[None]).argmax(1) for name in ("a.onnx", "b.onnx")
    ]
    assert (votes[0] != votes[1]).mean() > 0.2
    np.testing.assert_array_equal(run(path, image_hwc[None])["labels"], votes[0])


def test_the_card_says_what_is_inside(tmp_path: Path) -> None:
    spec, path = fused(tmp_path, (Give.labels, Give.confidence))
    (entry,) = onnx.load(path).metadata_props
    assert entry.key == ENSEMBLE_KEY
    card = EnsembleCard.model_validate_json(entry.value)
    assert [(m.name, m.share, len(m.views)) for m in card.members] == [("a", 1 / 24, 8), ("b", 2 / 24, 8)]
    assert card.members[0].sha256 == sha256_of(spec.model(spec.members[0]))
    assert card.gives == (Give.labels, Give.confidence)
    assert card.verification is not None
    assert (card.verification.agreement, card.verification.faults) == (1.0, 0)
    with pytest.raises(ModelError, match="whole ensemble in one file"):
        read_model_card(path)


def test_members_in_an_older_opset_are_brought_up(tmp_path: Path) -> None:
    spec = ensemble(tmp_path)
    save_model(model(random_kernels(1), opset=18), CARD, tmp_path / "a.onnx")
    card = fuse_verified("team", spec, (), tmp_path / "team.onnx")
    assert {entry.version for entry in onnx.load(tmp_path / "team.onnx").opset_import} == {card.opset} == {20}


def test_branches_of_a_member_are_renamed_with_it(tmp_path: Path) -> None:
    """A branch reads values and weights of the graph around it, and names its own."""
    spec = ensemble(tmp_path)
    built = model(random_kernels(1))
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("then", "else")]
    branches = [
        helper.make_graph(
            [helper.make_node(operator, ["logits", "one"], [value.name])], value.name, [], [value]
        )
        for operator, value in zip(("Add", "Mul"), values, strict=True)
    ]
    chosen = helper.make_node("If", ["yes"], ["chosen"], then_branch=branches[0], else_branch=branches[1])
    built.graph.node.insert(len(built.graph.node) - 1, chosen)
    built.graph.node[-1].input[0] = "chosen"
    built.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    save_model(built, CARD, tmp_path / "a.onnx")
    assert fuse_verified("team", spec, (), tmp_path / "team.onnx").verification is not None


def three_wrong(images_nhwc: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    """A model that labels three pixels of each image otherwise than the engine."""
    labels_nhw = np.zeros(images_nhwc.shape[:3], dtype=np.uint8)
    labels_nhw[:, 0, :3] = 1
    return {"labels": labels_nhw}


def says_tied(count: int) -> Witness:
    """The engine, which says that so many of the three are ties."""

    def witness(image_hwc: NDArray[np.uint8]) -> Expected:
        labels_hw = np.zeros(image_hwc.shape[:2], dtype=np.uint8)
        tied_hw = np.zeros(labels_hw.shape, dtype=np.bool_)
        tied_hw[0, :count] = True
        return Expected(labels_hw, np.zeros((2, *labels_hw.shape), dtype=np.float32), tied_hw)

    return witness


@pytest.mark.parametrize(("exactly", "tied"), [(True, 3), (False, 2), (False, 0)])
def test_ties_are_counted_apart_from_faults(exactly: bool, tied: int) -> None:
    found = check(three_wrong, [image(80, 90)], says_tied(tied), stride=32, exactly=exactly)
    images = sum(n for n, _, _ in found.shapes_nhw)
    assert (found.ties, found.faults) == (tied * images, (3 - tied) * images)
    assert found.agreement == 1 - 3 * images / found.pixels


@pytest.mark.parametrize(("exactly", "size_hw"), [(True, (80, 90)), (False, (20, 30))])
def test_faults_are_refused(exactly: bool, size_hw: tuple[int, int]) -> None:
    """In fp32 a single one; in less, where they are more than one pixel in a thousand."""
    with pytest.raises(VerificationError, match="pixels are not the engine's"):
        check(three_wrong, [image(*size_hw)], says_tied(2), stride=32, exactly=exactly)


def test_large_weights_lie_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the limit lowered from 2 GiB to nothing."""
    spec = ensemble(tmp_path)
    monkeypatch.setattr("seg.export.save.LARGEST_INLINE_BYTES", 0)
    monkeypatch.setattr("seg.export.save.SMALLEST_WEIGHT", 300)
    card = fuse_verified("team", spec, (), tmp_path / "out/team.onnx")
    (beside,) = (tmp_path / "out").glob("*.data")
    assert card.weights_sha256 == sha256_of(beside)
    labels = run(tmp_path / "out/team.onnx", image(24, 31)[None])["labels"][0]
    np.testing.assert_array_equal(labels, Ensemble.load(spec).predict(image(24, 31)).labels)


@pytest.mark.parametrize("gives", [(Give.labels,), (Give.probabilities,), (Give.confidence,)])
@pytest.mark.parametrize("wrong", ["share", "k1"])
def test_a_file_that_differs_is_not_written(
    wrong: str, gives: tuple[Give, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a member had another weight, or a network another kernel."""
    from seg.export.fuse.compose import compose

    def compose_wrongly(*arguments: Any) -> onnx.ModelProto:
        built = compose(*arguments)
        (tensor,) = [t for t in built.graph.initializer if t.name == f"b/{wrong}"]
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(0.5), tensor.name))
        return built

    monkeypatch.setattr("seg.export.fuse.fuse.compose", compose_wrongly)
    with pytest.raises(VerificationError, match=r"team\.onnx: .* pixels are not the engine's.*not written"):
        fused(tmp_path, gives)
    assert not list(tmp_path.glob("*team.onnx*"))


def test_tiles_stand_around_a_graph(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="'tile' cuts images"):
        fused(tmp_path, tile={"size": 16})


def test_members_must_be_exported_and_agree_on_classes(tmp_path: Path) -> None:
    spec = ensemble(tmp_path)
    other = CARD.model_copy(update={"classes": tuple(reversed(CARD.classes))})
    save_model(model(), other, tmp_path / "b.onnx")
    with pytest.raises(SegError, match=r"b\.onnx: has the classes"):
        fuse_verified("team", spec, (), tmp_path / "team.onnx")
    (tmp_path / "b.onnx").unlink()
    with pytest.raises(SegError, match=r"b\.onnx: there is no such model: export it first"):
        fuse_verified("team", spec, (), tmp_path / "team.onnx")


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
    command = [sys.executable, "-c", program, "export", str(path), "--fuse", "--give", "labels"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "100.0000%" in done.stdout
    assert (tmp_path / "runs/team.onnx").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fuse", "--member", "a"], "--member is about members"),
        (["--fuse", "--force"], "--force is about members"),
        (["--fuse", "--format", "openvino"], "--format openvino is about members"),
        (["--format", "triton", "--precision", "auto"], "--precision is about members"),
        (["--give", "labels"], "add --fuse"),
        (["--fuse", "-o", "x.bin"], r"ends in \.onnx"),
    ],
)
def test_what_has_no_meaning_together_is_refused(options: list[str], said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(write_ensemble(tmp_path)), *options])
    assert isinstance(result.exception, SegError)
    assert re.search(said, str(result.exception))


def test_the_program_in_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word, where its two files are."""
    (program,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/export.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert len(program.splitlines()) <= 10
    spec, path = fused(tmp_path, (Give.labels,))
    path.rename(tmp_path / "ensemble.onnx")
    write_image(tmp_path / "street.png", image(24, 31))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(compile(program, "docs/export.md", "exec"), names)
    expected = Ensemble.load(spec).predict(image(24, 31)).labels
    np.testing.assert_array_equal(names["labels"][0], expected)
    shares = {c.name: float((expected == label).mean()) for label, c in enumerate(CARD.classes)}
    assert names["shares"] == pytest.approx(shares)
