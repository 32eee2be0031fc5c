"""The images of one member in training: its splits, and their decoding."""

from seg.data import Split, open_split
from seg.data.check.learnability import FEWEST_TO_TRAIN
from seg.data.dataset import open_pseudo_splits
from seg.data.splits.concat_split import ConcatSplit
from seg.errors import DataError
from seg.spec import EnsembleSpec, MemberSpec
from seg.terminal.progress import progress
from seg.terminal.words import pluralise
from seg.train.batches.loaders import loader_worker_count
from seg.train.losses.distillation import Distillation
from seg.train.member.job import TrainingJob
from seg.train.networks.pixel_scaling import pixel_scaling_of
from seg.train.splits.decoded_split import DecodedSplit
from seg.train.splits.folds import split_by_fold
from seg.train.splits.training_images import open_training_images
from seg.train.splits.windowed_split import WindowedSplit


def splits_of_member(
    spec: EnsembleSpec, member: MemberSpec, distillation: Distillation | None = None
) -> tuple[Split, Split, Split]:
    """The labelled training images, all training images with pseudo-labelled ones, the validation images."""
    train = open_split(spec.data, "train")
    if spec.folds is None or member.fold is None:
        val = open_split(spec.data, "val")
    else:
        train, val = split_by_fold(train, spec.folds, member.fold, spec.data.group)
    more = [
        *open_pseudo_splits(spec.data),
        *([distillation.images] if distillation and distillation.images else []),
    ]
    return train, (ConcatSplit((train, *more)) if more else train), val


def decode_training_images(
    job: TrainingJob, fewest_to_validate: int
) -> tuple[DecodedSplit | WindowedSplit, DecodedSplit]:
    """The training and validation images with their labels; read ahead, unless worker processes read them.

    Raises:
        DataError: there are too few images, or one cannot be read.
    """
    for name, split, fewest in (
        ("training", job.train, 1 if job.recipe.samples else FEWEST_TO_TRAIN),
        ("validation", job.val, fewest_to_validate),
    ):
        if len(split.samples) < fewest:
            raise DataError(
                f"{job.name}: the {name} split has {pluralise(len(split.samples), 'image')},"
                f" at least {fewest} are needed"
            )
    soft_labels = job.distillation.soft_labels if job.distillation else None
    scale = pixel_scaling_of(job.input)
    train = open_training_images(job.recipe, job.train, soft_labels, scale)
    val = DecodedSplit(job.val, scale=scale)
    # Worker processes decode images faster than they could receive decoded ones.
    kept = [val] if loader_worker_count(job.recipe) or isinstance(train, WindowedSplit) else [train, val]
    with progress(f"read images of {job.name}", sum(map(len, kept)), unit="images") as advance:
        for images in kept:
            images.read_ahead(advance)
    return train, val
