"""What an image-level head is worth where classes overlap: is a class there at all, trained beside its masks.

    seg data sample contest --task multilabel
    python -m benchmarks.training.image_level_head contest/dataset.yaml

In the YAML of the contest `predict` needs its labels: held_out.csv, as a comment there says.
The same U-Net is trained with and without smp's classification head (`aux_params`, max pooling). The rules of
`seg tune` are fitted on the validation images, and judged by Dice on those to predict. With the head, a class
is also empty where the head's probability is below a threshold, which is fitted together with the rules.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import segmentation_models_pytorch as smp
import torch
import typer
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from seg.data import Split, open_split
from seg.data.images.read_sample import read_sample
from seg.engine.decision.postprocess import above_thresholds, postprocess_masks
from seg.evaluate.tune.overlapping.fit_rules import rule_fits_in_order
from seg.evaluate.tune.overlapping.region_table import RegionTable, count_regions
from seg.labels.task import masks_of
from seg.metrics.dice import tally_dice
from seg.metrics.from_counts import class_score_from_counts, dice_from_counts
from seg.spec.dataset.dataset import load_dataset
from seg.spec.ensemble.decision import ClassRule
from seg.train.losses.cross_entropy import cross_entropy
from seg.train.losses.overlap import dice_loss
from seg.train.networks.weights.pretrained import load_encoder_file

BATCH = 8
RATE = 2e-3
CUTS = (0.0, *np.linspace(0.02, 0.98, 49).tolist())
"""Thresholds of the head that are tried; at 0 it decides nothing."""


class LabelledImages(NamedTuple):
    """Normalised images, float32 `[N, 3, H, W]`, and true masks, bool `[N, C, H, W]`."""

    images: Tensor
    masks: NDArray[np.bool_]


class PredictedMasks(NamedTuple):
    """Probabilities of masks `[N, C, H, W]`, and of the head `[N, C]`: 1 without one."""

    masks: NDArray[np.float32]
    presence: NDArray[np.float32]


def main(
    path: Annotated[Path, typer.Argument(help="The dataset's YAML; all its splits have labels.")],
    encoder: Annotated[str, typer.Option(help="A name of smp.")] = "tu-mobilenetv3_small_050",
    weights: Annotated[Path | None, typer.Option(help="The encoder's; random without it.")] = None,
    epochs: Annotated[int, typer.Option(help="Of training.")] = 6,
    seeds: Annotated[int, typer.Option(help="How often both are trained.")] = 3,
    share: Annotated[float, typer.Option(help="Of the head's loss.")] = 0.3,
) -> None:
    """Print Dice on the images to predict of each way to decide, for each seed."""
    dataset = load_dataset(path)
    train, val, test = (
        _read_labelled_images(open_split(dataset, name)) for name in ("train", "val", "predict")
    )
    typer.echo("| seed | | thresholds | + areas | + emptiness | areas + head |")
    typer.echo("|---:|---|---:|---:|---:|---:|")
    for seed in range(seeds):
        for head in (0.0, share):
            network = _train_network_with_head(train, encoder, weights, epochs, seed, head)
            fitted, judged = (
                _predict_masks_and_presence(network, val),
                _predict_masks_and_presence(network, test),
            )
            scores = [f"{score:.4f}" for score in _judge_rules_and_head(fitted, val, judged, test)]
            typer.echo(f"| {seed} | {'with' if head else 'without'} a head | {' | '.join(scores)} |")


def _read_labelled_images(split: Split) -> LabelledImages:
    classes = len(split.classes)
    images = np.stack([read_sample(sample) for sample in split.samples]).astype(np.float32) / 255
    masks = np.stack([masks_of(split.labels(n), "multilabel", classes) for n in range(len(split.samples))])
    return LabelledImages(torch.from_numpy((images - 0.45) / 0.225).permute(0, 3, 1, 2), masks)


def _train_network_with_head(
    train: LabelledImages, encoder: str, weights: Path | None, epochs: int, seed: int, head: float
) -> nn.Module:
    """A network whose head's loss has the weight `head`; with 0 it has none."""
    torch.manual_seed(seed)
    random, classes = np.random.default_rng(seed), train.masks.shape[1]
    aux = {"classes": classes, "pooling": "max"} if head else None
    network: nn.Module = smp.create_model(
        "unet", encoder, encoder_weights=None, classes=classes, aux_params=aux
    )
    if weights:
        load_encoder_file(network.get_submodule("encoder"), weights)
    optimiser = torch.optim.AdamW(network.parameters(), RATE)
    steps = len(train.masks) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps * epochs)
    truth, even = torch.from_numpy(train.masks.astype(np.uint8)), torch.ones(classes)
    for _ in range(epochs):
        for chosen in np.split(random.permutation(len(train.masks))[: steps * BATCH], steps):
            flipped = [axis for axis in (-1, -2) if random.random() < 0.5]
            images, masks = train.images[chosen].flip(flipped), truth[chosen].flip(flipped)
            logits, presence = network(images) if head else (network(images), None)
            loss = cross_entropy(logits, masks, even) + dice_loss(logits, masks, even)
            if presence is not None:
                shown = masks.amax((2, 3)).float()
                loss = loss + head * functional.binary_cross_entropy_with_logits(presence, shown)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
    return network.eval()


@torch.inference_mode()
def _predict_masks_and_presence(network: nn.Module, split: LabelledImages) -> PredictedMasks:
    masks, presence = [], []
    for images in torch.split(split.images, BATCH):
        found = network(images)
        logits, of_head = found if isinstance(found, tuple) else (found, None)
        masks.append(logits.sigmoid())
        presence.append(torch.ones(logits.shape[:2]) if of_head is None else of_head.sigmoid())
    return PredictedMasks(torch.cat(masks).numpy(), torch.cat(presence).numpy())


def _judge_rules_and_head(
    fitted: PredictedMasks, val: LabelledImages, judged: PredictedMasks, test: LabelledImages
) -> Iterator[float]:
    """Dice on the test of each step of rules, and of areas with a threshold of the head."""
    everywhere_hw = np.ones(val.masks.shape[2:], np.bool_)
    tables = count_regions(
        ((*pair, everywhere_hw) for pair in zip(fitted.masks, val.masks, strict=True)),
        val.masks.shape[1],
        val.masks[0, 0].size,
    )
    for fit in rule_fits_in_order(dice_from_counts).values():
        yield _dice_of_rules_and_head(judged, test, [(fit(table), 0.0) for table in tables])
    both = [_fit_with_head(table, fitted.presence[:, c]) for c, table in enumerate(tables)]
    yield _dice_of_rules_and_head(judged, test, both)


def _fit_with_head(table: RegionTable, presence_n: NDArray[np.float32]) -> tuple[ClassRule, float]:
    """The best threshold, least area, and threshold of the head."""
    scores = [
        class_score_from_counts(dice_from_counts, table.counts.without(presence_n < cut)) for cut in CUTS
    ]
    cut = int(np.argmax([scores_ta.max() for scores_ta in scores]))
    threshold, area = np.unravel_index(scores[cut].argmax(), scores[cut].shape)
    return table.rule(int(threshold), int(area)), CUTS[cut]


def _dice_of_rules_and_head(
    predicted: PredictedMasks, truth: LabelledImages, decided_by: Sequence[tuple[ClassRule, float]]
) -> float:
    rules, cuts = zip(*decided_by, strict=True)
    found = []
    for probabilities_chw, presence_c, truth_chw in zip(*predicted, truth.masks, strict=True):
        masks_chw = postprocess_masks(above_thresholds(probabilities_chw, rules), probabilities_chw, rules)
        masks_chw &= (presence_c >= np.array(cuts))[:, None, None]
        everywhere_hw = np.ones(masks_chw.shape[1:], np.bool_)
        found += [tally_dice(*pair, everywhere_hw)[0] for pair in zip(truth_chw, masks_chw, strict=True)]
    return float(np.mean(found))


if __name__ == "__main__":
    typer.run(main)
