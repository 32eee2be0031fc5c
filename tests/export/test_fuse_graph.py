"""What the one file is made of: weights that are there once, members brought up and renamed."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from seg.engine import Ensemble
from seg.export.fuse.fuse import FusionRequest, fuse_ensemble
from seg.export.onnx_file.save import save_onnx_model
from seg.files.atomic import sha256_of
from tests.export.ensembles import ensemble
from tests.export.fused import fused, run
from tests.export.tiny import CARD, image, model, random_kernels


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


def test_members_in_an_older_opset_are_brought_up(tmp_path: Path) -> None:
    spec = ensemble(tmp_path)
    save_onnx_model(model(random_kernels(1), opset=18), CARD, tmp_path / "a.onnx")
    card = fuse_ensemble(spec, FusionRequest("team"), tmp_path / "team.onnx")
    assert {entry.version for entry in onnx.load(tmp_path / "team.onnx").opset_import} == {card.opset} == {18}


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
    save_onnx_model(built, CARD, tmp_path / "a.onnx")
    assert fuse_ensemble(spec, FusionRequest("team"), tmp_path / "team.onnx").verification is not None


def test_large_weights_lie_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the limit lowered from 2 GiB to nothing."""
    spec = ensemble(tmp_path)
    monkeypatch.setattr("seg.export.onnx_file.save.LARGEST_INLINE_BYTES", 0)
    monkeypatch.setattr("seg.export.onnx_file.save.SMALLEST_WEIGHT", 300)
    card = fuse_ensemble(spec, FusionRequest("team"), tmp_path / "out/team.onnx")
    (beside,) = (tmp_path / "out").glob("*.data")
    assert card.weights_sha256 == sha256_of(beside)
    labels = run(tmp_path / "out/team.onnx", image(24, 31)[None])["labels"][0]
    np.testing.assert_array_equal(labels, Ensemble.load(spec).predict(image(24, 31)).labels)
