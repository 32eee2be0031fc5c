"""The whole road on real images: train, export, predict, against a plain smp and ttach loop."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import ttach

from seg.data import open_split, read_image
from seg.engine import Ensemble
from seg.engine.jobs.predict import run_ensemble
from seg.export.export import export_checkpoint
from seg.spec import EnsembleSpec, load_ensemble
from seg.train.networks.checkpoint import load_checkpoint
from seg.train.trainer import train_member

pytestmark = pytest.mark.slow

IMAGES = 5


@pytest.fixture(scope="module")
def spec(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> EnsembleSpec:
    """One member with a pretrained encoder, trained for an epoch on a few real images, exported."""
    folder = tmp_path_factory.mktemp("road")
    camvid = shared_data / "camvid"
    for name in ("train", "val"):
        coco = json.loads((camvid / f"{name}.json").read_text())
        count = 4 * IMAGES if name == "train" else IMAGES
        images = coco["images"][:: len(coco["images"]) // count][:count]
        kept = {image["id"] for image in images}
        annotations = [a for a in coco["annotations"] if a["image_id"] in kept]
        few = coco | {"images": images, "annotations": annotations}
        (folder / f"{name}.json").write_text(json.dumps(few))
    said = {
        "data": {name: {"images": str(camvid), "annotations": f"{name}.json"} for name in ("train", "val")},
        "members": [
            {
                "name": "a",
                "architecture": "fpn",
                "encoder": "timm-tf_efficientnet_lite0",
                "encoder_weights": str(shared_data / "weights/tf_efficientnet_lite0.safetensors"),
            }
        ],
        "recipe": {"epochs": 2, "batch_size": 4, "crop": 128},
        "views": "d4",
        "runtime": "cpu",
    }
    (folder / "spec.yaml").write_text(json.dumps(said))
    spec = load_ensemble(folder / "spec.yaml")
    (member,) = spec.members
    result = train_member(spec, member)
    assert result.best_miou > 1 / 11 / 4, "worse than guessing"
    samples = open_split(spec.data, "val").samples
    export_checkpoint(spec.checkpoint(member), spec.model(member), [read_image(s.image) for s in samples[:3]])
    return spec


def test_labels_are_those_of_smp_and_ttach(spec: EnsembleSpec) -> None:
    ensemble = Ensemble.load(spec)
    network, card = load_checkpoint(spec.checkpoint(spec.members[0]))
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (card.input.mean, card.input.std))
    equal = []
    for sample in open_split(spec.data, "val").samples[:IMAGES]:
        image_hwc = read_image(sample.image)[:200, :301]
        image = torch.from_numpy(image_hwc).permute(2, 0, 1)[None].float() / 255
        answers = []
        for view in ttach.aliases.d4_transform():
            seen = (view.augment_image(image) - mean) / std
            height, width = seen.shape[2:]
            padded = torch.nn.functional.pad(seen, (0, -width % 32, 0, -height % 32), mode="replicate")
            with torch.no_grad():
                logits = network(padded)[..., :height, :width]
            answers.append(view.deaugment_mask(logits.softmax(1)))
        expected = torch.stack(answers).mean(0).argmax(1)[0].numpy()
        equal.append((ensemble.predict(image_hwc).labels == expected).mean())
    assert np.mean(equal) >= 0.999


def test_a_submission_covers_every_image(spec: EnsembleSpec) -> None:
    summary = run_ensemble(spec)
    lines = spec.output.file.read_text().splitlines()
    assert len(lines) == 1 + summary.images * 11
