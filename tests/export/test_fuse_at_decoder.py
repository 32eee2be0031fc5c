"""One file that merges at the decoders, against passes that PyTorch upsampled one by one, and the engine."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from seg.engine import Ensemble
from seg.export.fuse.card import EnsembleCard
from seg.export.fuse.fuse import FusionRequest, fuse_ensemble
from seg.models.card import ENSEMBLE_KEY
from tests.engine.decoder_models import NETWORKS, TURNS, WEIGHTS, decoder_spec, photo, upsampled_pass
from tests.engine.tiny_models import CLASSES
from tests.export.fused import EVERYTHING, run


@pytest.mark.parametrize("size_hw", [(64, 96), (40, 56), (33, 95), (1, 1), (56, 40)])
def test_it_returns_the_mean_of_upsampled_passes(size_hw: tuple[int, int], tmp_path: Path) -> None:
    spec = decoder_spec(tmp_path, views=list(TURNS))
    path = tmp_path / "team.onnx"
    fuse_ensemble(spec, FusionRequest("team", EVERYTHING), path)
    images = [photo(*size_hw, seed) for seed in range(2)]
    found = run(path, np.stack(images))
    for row, image_hwc in enumerate(images):
        expected: NDArray[Any] = np.zeros((len(CLASSES), *size_hw))
        for network, weight in zip(NETWORKS, WEIGHTS, strict=True):
            for view in TURNS:
                share = weight / sum(WEIGHTS) / len(TURNS)
                expected += share * upsampled_pass(network, view, image_hwc)
        np.testing.assert_allclose(found["probabilities"][row], expected, atol=1e-5)
        np.testing.assert_allclose(found["confidence"][row], expected.max(0), atol=1e-5)
        first, second = np.sort(expected, axis=0)[:-3:-1]
        clear_hw = first - second > 1e-5
        np.testing.assert_array_equal(found["labels"][row][clear_hw], expected.argmax(0)[clear_hw])


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("multiclass", {"members": [{"name": "m1", "model": "m1.onnx", "temperature": 0.5}]}),
        (
            "multiclass",
            {
                "members": [
                    {"name": "m1", "model": "m1.onnx"},
                    {"name": "m2", "model": "m2.onnx", "covers": [CLASSES[1].name], "weight": 2},
                    {"name": "m3", "model": "m3.onnx", "class_weights": {CLASSES[0].name: 3}},
                ]
            },
        ),
        ("multilabel", {"views": "hflip"}),
    ],
    ids=["temperature", "specialists", "classes that overlap"],
)
def test_it_is_the_engine_s(task: Any, options: dict[str, Any], tmp_path: Path) -> None:
    spec = decoder_spec(tmp_path, task, **options)
    card = fuse_ensemble(spec, FusionRequest("team", EVERYTHING), tmp_path / "team.onnx")
    assert card.verification is not None
    assert card.verification.faults == 0
    image_hwc = photo(33, 47)
    found, expected = run(tmp_path / "team.onnx", image_hwc[None]), Ensemble.load(spec).predict(image_hwc)
    np.testing.assert_allclose(found["probabilities"][0], expected.probabilities, atol=1e-5)
    clear_hw = Ensemble.load(spec).decision().margins(expected.probabilities) > 1e-5
    np.testing.assert_array_equal(found["labels"][0][clear_hw], expected.labels[clear_hw])
    assert clear_hw.mean() > 0.99


def test_each_grid_is_upsampled_once(tmp_path: Path) -> None:
    """Networks of one factor share one upsampling, whatever their views; those at image size need none."""
    spec = decoder_spec(tmp_path, views="d4")
    fuse_ensemble(spec, FusionRequest("team"), tmp_path / "team.onnx")
    model = onnx.load(tmp_path / "team.onnx")
    assert [node.op_type for node in model.graph.node].count("Resize") == 2
    (entry,) = [one for one in model.metadata_props if one.key == ENSEMBLE_KEY]
    assert EnsembleCard.model_validate_json(entry.value).merge_at == "decoder"
