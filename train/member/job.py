"""A training job: the recipe, data and run folder of one member; its segmenter and model cards."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from seg.data import Split
from seg.metrics.metric import Metric
from seg.models.card import InputCard, ModelCard, TrainingCard
from seg.spec.ensemble.ensemble import LoggerName
from seg.spec.recipe.recipe import RecipeSpec
from seg.train.losses.distillation import Distillation
from seg.train.networks import build_network
from seg.train.networks.segmenter import Segmenter
from seg.train.run.folder import RunFolder
from seg.train.run.record import RunRecord

MakeCard = Callable[[int, float], ModelCard]
"""Makes the model card of the weights after an epoch (from 1), given their score on val."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """Everything that training one member needs.

    `unlabelled` is the dataset's setting of that name, `input` how images reach the network.
    """

    recipe: RecipeSpec
    record: RunRecord
    folder: RunFolder
    train: Split
    val: Split
    unlabelled: str
    loggers: tuple[LoggerName, ...]
    input: InputCard
    distillation: Distillation | None = None
    metric: Metric | None = None
    """What judges the epochs; None if it is mIoU."""

    @property
    def metric_name(self) -> str:
        """The name of what judges the epochs, in messages."""
        return self.metric.name if self.metric else "mIoU"

    @property
    def name(self) -> str:
        return self.record.member

    @property
    def background(self) -> int | None:
        """The label of unlabelled pixels, if it is a class's."""
        return next((label for label, c in enumerate(self.train.classes) if c.name == self.unlabelled), None)

    @property
    def classes(self) -> int:
        return len(self.train.classes)


def build_segmenter(job: TrainingJob) -> Segmenter:
    """The network with its preprocessing, with fresh weights or those of the recipe's encoder.

    Raises:
        SpecError: there is no such encoder, or it does not work with the architecture.
        ModelError: the file of encoder weights does not fit the encoder.
    """
    recipe = job.recipe
    network = build_network(
        recipe.architecture, recipe.encoder, job.classes, recipe.encoder_weights, job.input.channels
    )
    if recipe.channels_last:
        network.to(memory_format=torch.channels_last)
    if recipe.compile:
        network.compile()
    return Segmenter(network, job.input)


def with_input_size_crop(recipe: RecipeSpec) -> RecipeSpec:
    """The recipe with `crop` set to the input size of mode `resize`, where the network sees whole images."""
    if recipe.input.size is None:
        return recipe
    return recipe.model_copy(update={"crop": recipe.input.size})


def card_of_job(job: TrainingJob, input_card: InputCard) -> MakeCard:
    """The function that makes the model cards of a job's checkpoints."""
    recipe = job.recipe

    def card(epoch: int, score: float) -> ModelCard:
        training = TrainingCard(
            metric=f"val_{job.metric.name if job.metric else 'miou'}",
            value=score,
            epoch=epoch,
            epochs=recipe.epochs,
            seed=recipe.seed,
            views=recipe.train_views,
            dataset_fingerprint=job.train.fingerprint,
        )
        return ModelCard(
            name=job.name,
            architecture=recipe.architecture,
            encoder=recipe.encoder,
            classes=job.train.classes,
            task=job.train.task,
            unlabelled=job.unlabelled,
            input=input_card,
            training=training,
        )

    return card
