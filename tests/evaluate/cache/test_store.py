"""The cache of passes: what goes in comes out, within its stated error."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seg.evaluate.cache.store import DamagedPassError, PassKey, ProbabilityCache
from seg.labels.label_map import ProbabilitiesCHW
from seg.labels.probability_codec import probabilities_from_levels, probabilities_to_levels

KEY = PassKey("0" * 64, "cpu", "identity", "1" * 64)
CELLS = replace(KEY, place="decoder")


def random_probabilities(seed: int, classes: int, height: int, width: int) -> ProbabilitiesCHW:
    logits_chw = np.random.default_rng(seed).normal(0, 3, (classes, height, width)).astype(np.float32)
    powers_chw: ProbabilitiesCHW = np.exp(logits_chw)
    powers_chw /= powers_chw.sum(0)
    return powers_chw


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 99), classes=st.integers(1, 6), height=st.integers(1, 20), width=st.integers(1, 20)
)
def test_probabilities_come_back_within_the_stated_error(
    tmp_path_factory: pytest.TempPathFactory, seed: int, classes: int, height: int, width: int
) -> None:
    cache = ProbabilityCache(tmp_path_factory.mktemp("cache"))
    given_chw = random_probabilities(seed, classes, height, width)
    cache.put(KEY, given_chw)
    kept_chw = cache.get(KEY)
    assert kept_chw.dtype == np.uint8
    back_chw = probabilities_from_levels(kept_chw)
    np.testing.assert_allclose(back_chw.sum(0), 1, atol=1e-5)
    # Off by its own rounding, and by that of the others in the sum.
    roots_chw = np.sqrt(given_chw)
    allowed_chw = (roots_chw + given_chw * roots_chw.sum(0)) / 255 + 1e-4
    assert (np.abs(back_chw - given_chw) <= allowed_chw).all()


def test_a_temperature_divides_the_logits() -> None:
    given_chw = random_probabilities(0, 5, 20, 20)
    for temperature in (0.5, 1.5, 2.0):
        exact_chw = given_chw ** (1 / temperature)
        exact_chw /= exact_chw.sum(0)
        np.testing.assert_allclose(
            probabilities_from_levels(probabilities_to_levels(given_chw), temperature), exact_chw, atol=0.02
        )


def test_every_part_of_a_key_counts(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path)
    cache.put(KEY, random_probabilities(0, 3, 4, 5))
    assert cache.has(KEY)
    others = [
        PassKey("2" * 64, "cpu", "identity", "1" * 64),
        PassKey("0" * 64, "openvino", "identity", "1" * 64),
        PassKey("0" * 64, "cpu", "hflip", "1" * 64),
        PassKey("0" * 64, "cpu", "identity", "2" * 64),
        CELLS,
        replace(KEY, tile="64x64-0.5-uniform"),
        replace(CELLS, tile="64x64-0.5-uniform"),
    ]
    assert not any(cache.has(other) for other in others)
    with pytest.raises(FileNotFoundError):
        cache.get(others[0])


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path)
    keys = [PassKey(f"{n:064d}"[::-1], "cpu", "identity", "1" * 64) for n in range(1, 5)]
    for age, key in enumerate(keys):
        cache.put(key, random_probabilities(1, 3, 8, 8))
        for file in tmp_path.rglob("*.b2nd"):
            if key.model_sha256[:16] in str(file):
                os.utime(file, (1000 - age, 1000 - age))
    cache.get(keys[-1])
    one = next(content.bytes for content in cache.contents_by_model())
    assert cache.prune(2 * one) == 2 * one
    assert [cache.has(key) for key in keys] == [True, False, False, True]
    assert cache.prune(0) == 2 * one
    assert cache.contents_by_model() == []


def test_speeds_are_remembered_by_model_and_runtime(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path)
    assert cache.stored_speed("0" * 64, "cpu") is None
    cache.store_speed("0" * 64, "cpu", 12.5)
    assert cache.stored_speed("0" * 64, "cpu") == 12.5
    assert cache.stored_speed("0" * 64, "openvino") is None
    assert cache.stored_speed("0" * 64, "cpu", "decoder") is None


@pytest.mark.parametrize("place", [0, 5, 11, 14, 20, -1])
def test_a_flipped_bit_anywhere_is_noticed(place: int, tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path)
    cache.put(KEY, random_probabilities(0, 3, 4, 5))
    (file,) = tmp_path.rglob("*.b2nd")
    data = bytearray(file.read_bytes())
    data[place] ^= 16
    file.write_bytes(data)
    with pytest.raises(DamagedPassError, match=re.escape(str(file))):
        cache.get(KEY)


@pytest.mark.parametrize("content", [b"", b"seg", b"junk" * 100])
def test_what_is_no_pass_is_noticed_and_can_be_put_anew(content: bytes, tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path)
    given_chw = random_probabilities(0, 3, 4, 5)
    cache.put(KEY, given_chw)
    (file,) = tmp_path.rglob("*.b2nd")
    file.write_bytes(content)
    with pytest.raises(DamagedPassError):
        cache.get(KEY)
    cache.put(KEY, given_chw)
    assert cache.get(KEY).shape == given_chw.shape


def test_a_folder_in_the_place_of_a_pass_is_none(tmp_path: Path) -> None:
    cache = ProbabilityCache(tmp_path)
    cache.put(KEY, random_probabilities(0, 3, 4, 5))
    (file,) = tmp_path.rglob("*.b2nd")
    file.unlink()
    file.mkdir()
    assert not cache.has(KEY)
    assert cache.prune(0) == 0
    cache.put(KEY, random_probabilities(0, 3, 4, 5))
    assert cache.has(KEY)


@pytest.mark.parametrize("content", [b"nan", b"-5", b"0", b"inf", b"", b"fast", b"\xff", b"9" * 5000])
def test_a_time_that_no_pass_can_take_is_measured_again(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = ProbabilityCache(tmp_path)
    cache.store_speed("0" * 64, "cpu", 12.5)
    assert cache.stored_speed("0" * 64, "cpu") == 12.5
    (file,) = tmp_path.rglob("milliseconds")
    file.write_bytes(content)
    assert cache.stored_speed("0" * 64, "cpu") is None
    assert capsys.readouterr().err == f"seg: {file}: is not a valid time: it is measured again\n"
