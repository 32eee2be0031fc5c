"""Soft labels in files: found by the image's content, as exact as documented, and damaged ones named."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg.data.images.images import write_image
from seg.errors import DataError
from seg.labels.probability_codec import probabilities_to_levels
from seg.labels.soft_labels import SoftLabels


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6).filter(lambda given: sum(given) > 1e-3))
def test_a_kept_probability_is_off_by_what_is_said(given: list[float]) -> None:
    probabilities = np.array(given, dtype=np.float32) / sum(given)
    kept = (probabilities_to_levels(probabilities[:, None, None])[:, 0, 0] / 255.0) ** 2
    assert (np.abs(kept - probabilities) <= np.sqrt(probabilities) / 255 + 1 / 510**2 + 1e-6).all()


def test_soft_labels_are_found_by_the_image_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image, copy, other = (tmp_path / name for name in ("a.png", "elsewhere.png", "b.png"))
    write_image(image, rng.integers(0, 255, (6, 5, 3), dtype=np.uint8))
    copy.write_bytes(image.read_bytes())
    write_image(other, rng.integers(0, 255, (6, 5, 3), dtype=np.uint8))
    kept = SoftLabels(tmp_path / "soft")
    probabilities_chw = rng.dirichlet(np.ones(3), size=(6, 5)).transpose(2, 0, 1).astype(np.float32)
    kept.put(image, probabilities_chw)
    assert kept.has(copy)
    np.testing.assert_array_equal(
        kept.read(copy), probabilities_to_levels(probabilities_chw).transpose(1, 2, 0)
    )
    assert not kept.has(other)
    with pytest.raises(DataError, match=r"b\.png: has no soft labels"):
        kept.read(other)
    for shape_hwc in ((5, 6, 3), (6, 5, 4)):
        with pytest.raises(DataError, match=r"has soft labels of \(6, 5, 3\), expected"):
            kept.read_fitting(copy, shape_hwc)
    (file,) = (tmp_path / "soft").iterdir()
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(DataError, match="is damaged"):
        kept.read(image)
