"""Images of 13 bands of 16 bits, the whole road: trained, exported, predicted and fused, against PyTorch."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import ttach
from numpy.typing import NDArray

from seg.data import open_split
from seg.data.images.images import write_mask
from seg.data.images.read_sample import read_sample
from seg.engine import Ensemble
from seg.export import FusionRequest, fuse_ensemble, validation_images
from seg.export.export import export_checkpoint
from seg.image_type import ImageType
from seg.models.model_file import image_type_of_model_input, read_model_card
from seg.spec import EnsembleSpec, load_ensemble
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.trainer import train_member

pytestmark = pytest.mark.slow

BANDS, SIZE_HW = 13, (70, 90)
RED, NIR = 3, 7
"""Positions of the bands in which the two classes differ."""


def scene(seed: int) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """Reflectances, uint16 `[H, W, 13]`, and labels: vegetation is bright in one band and dark in another."""
    random = np.random.default_rng(seed)
    labels_hw = np.zeros(SIZE_HW, np.uint8)
    top, left = random.integers(8, 30, 2)
    labels_hw[top : top + 30, left : left + 40] = 1
    image = random.normal(1500, 100, (*SIZE_HW, BANDS))
    image[..., NIR] += np.where(labels_hw, 2500, 0)
    image[..., RED] += np.where(labels_hw, 0, 1500)
    return image.clip(0).astype(np.uint16), labels_hw


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> EnsembleSpec:
    """Two members that see other bands of the same files, trained and exported."""
    folder = tmp_path_factory.mktemp("bands")
    for split, seeds in {"train": range(6), "val": range(6, 9)}.items():
        (folder / split / "images").mkdir(parents=True)
        for seed in seeds:
            image_hwb, labels_hw = scene(seed)
            np.save(folder / split / f"images/{seed}.npy", image_hwb)
            write_mask(folder / split / f"masks/{seed}.png", labels_hw)
    splits = {name: {"images": f"{name}/images", "masks": f"{name}/masks"} for name in ("train", "val")}
    given = {
        "data": {**splits, "classes": ["soil", "plants"], "range": [0, 10000], "rgb": [4, 3, 2]},
        "recipe": {
            "architecture": "linknet",
            "encoder": "tu-test_efficientnet",
            "epochs": 6,
            "batch_size": 2,
            "crop": 64,
            "learning_rate": 0.01,
        },
        "members": [
            {"name": "all"},
            {
                "name": "two",
                "input": {
                    "bands": [8, 4],
                    "window": {"level": 2500, "width": 4000},
                    "mean": [0.5, 0.5],
                    "std": [0.3, 0.3],
                },
            },
        ],
        "views": "d4",
        "runtime": "cpu",
    }
    (folder / "spec.yaml").write_text(json.dumps(given))
    spec = load_ensemble(folder / "spec.yaml")
    for member in spec.members:
        train_member(spec, member)
        export_checkpoint(spec.checkpoint(member), spec.model(member), validation_images(spec.data))
    return spec


def seen_by(name: str, image_hwb: NDArray[np.uint16]) -> NDArray[np.float32]:
    """What a member's network sees before it is normalised, as the YAML says."""
    values = image_hwb.astype(np.float32)
    if name == "all":
        return np.clip(values / 10000, 0, 1)
    return np.clip((values[..., [7, 3]] - 500) / 4000, 0, 1)


def test_labels_are_those_of_pytorch_and_ttach(spec: EnsembleSpec) -> None:
    ensemble = Ensemble.load(spec)
    for sample in open_split(spec.data, "val").samples:
        image_hwb = read_sample(sample)
        found = []
        for member in spec.members:
            network, card = load_checkpoint(spec.checkpoint(member))
            mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (card.input.mean, card.input.std))
            image = torch.from_numpy(seen_by(member.name, image_hwb)).permute(2, 0, 1)[None]
            for view in ttach.aliases.d4_transform():
                seen = (view.augment_image(image) - mean) / std
                height, width = seen.shape[2:]
                padded = torch.nn.functional.pad(seen, (0, -width % 32, 0, -height % 32), mode="replicate")
                with torch.no_grad():
                    found.append(view.deaugment_mask(network(padded)[..., :height, :width].softmax(1)))
        expected = torch.stack(found).mean(0)[0].numpy()
        prediction = ensemble.predict(image_hwb)
        np.testing.assert_allclose(prediction.probabilities, expected, atol=1e-4)
        assert (prediction.labels == expected.argmax(0)).mean() >= 0.999
        assert (ensemble.predict(sample.image).labels == prediction.labels).all()


def test_something_was_learnt(spec: EnsembleSpec) -> None:
    ensemble = Ensemble.load(spec)
    image_hwb, labels_hw = scene(6)
    assert (ensemble.predict(image_hwb).labels == labels_hw).mean() > 0.9


def test_the_files_take_all_bands_and_narrower_pixels_and_more_bands_do(spec: EnsembleSpec) -> None:
    for member, channels in zip(spec.members, (13, 2), strict=True):
        card = read_model_card(spec.model(member))
        assert image_type_of_model_input(onnx.load(spec.model(member))) == ImageType("uint16", BANDS)
        assert (card.input.channels, len(card.input.mean)) == (channels, channels)
        assert card.verification is not None and card.verification.label_agreement == 1
    ensemble = Ensemble.load(spec)
    image_hwb, _ = scene(6)
    more = np.concatenate([image_hwb, image_hwb[..., :2]], axis=-1)
    for same in (more, image_hwb.astype(np.float32)):
        np.testing.assert_array_equal(ensemble.predict(same).labels, ensemble.predict(image_hwb).labels)
    for other in (image_hwb[..., :12], image_hwb.astype(np.int32), image_hwb[..., 0]):
        with pytest.raises(ValueError, match=r"an image is uint16 \[H, W, 13\], got"):
            ensemble.predict(other)


def test_pixels_without_data_are_seen_as_the_mean(spec: EnsembleSpec) -> None:
    ensemble = Ensemble.load(spec)
    image_hwb = scene(6)[0].astype(np.float32)
    image_hwb[:10, :10] = np.nan
    filled = image_hwb.copy()
    means = read_model_card(spec.model(spec.members[0])).input.mean
    filled[:10, :10] = np.round(np.array(means) * 10000)
    alone = ensemble.only(["all"])
    np.testing.assert_array_equal(alone.predict(image_hwb).labels, alone.predict(filled).labels)


def test_one_file_of_all_members_takes_the_same_images(spec: EnsembleSpec, tmp_path: Path) -> None:
    card = fuse_ensemble(spec, FusionRequest("bands"), tmp_path / "fused.onnx")
    assert card.verification is not None
    assert (card.verification.faults, card.verification.agreement) == (0, 1)
    assert image_type_of_model_input(onnx.load(tmp_path / "fused.onnx")) == ImageType("uint16", BANDS)
