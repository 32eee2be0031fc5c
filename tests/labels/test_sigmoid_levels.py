"""Probabilities of classes that overlap in one byte: near what they were, at any temperature."""

import numpy as np
import pytest
from scipy.special import expit, logit

from seg.labels.probability_codec import probabilities_to_levels, sigmoid_probabilities_from_levels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_temperature_divides_the_logits_of_each_class(temperature: float) -> None:
    levels = np.arange(1, 255, dtype=np.uint8)[None, None]
    expected = expit(logit((levels / 255.0) ** 2) / temperature)
    np.testing.assert_allclose(sigmoid_probabilities_from_levels(levels, temperature), expected, rtol=1e-5)


def test_nothing_is_normalised_over_classes_and_the_ends_stay() -> None:
    probabilities = np.random.default_rng(0).random((3, 4, 5)).astype(np.float32)
    probabilities[:, 0, :2] = [0, 1]
    found = sigmoid_probabilities_from_levels(probabilities_to_levels(probabilities))
    np.testing.assert_allclose(found, probabilities, atol=0.004)
    np.testing.assert_array_equal(found[:, 0, :2], probabilities[:, 0, :2])
