"""Splits joined to one: all images, each with its own labels."""

from pathlib import Path

import numpy as np

from seg.data import open_split
from seg.data.splits.concat_split import ConcatSplit
from seg.spec import load_ensemble
from tests.train.conftest import SpecWriter


def test_joined_splits_have_all_images_with_their_own_labels(toy_spec: SpecWriter, tmp_path: Path) -> None:
    spec = load_ensemble(toy_spec(tmp_path))
    splits = [open_split(spec.data, "val"), open_split(spec.data, "train"), open_split(spec.data, "val")]
    joined = ConcatSplit(splits)
    each = [(split, index) for split in splits for index in range(len(split.samples))]
    assert len(joined.samples) == len(each) == 16
    for place, (split, index) in enumerate(each):
        assert joined.samples[place] == split.samples[index]
        np.testing.assert_array_equal(joined.labels(place), split.labels(index))
    assert joined.fingerprint != ConcatSplit(splits[:2]).fingerprint
