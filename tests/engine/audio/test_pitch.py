"""Dominant frequency of tones, mixtures and silence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.pitch import dominant_frequency
from tests.conftest import tone


@settings(max_examples=30, deadline=None)
@given(st.floats(40, 6000), st.sampled_from([16000, 44100, 48000]))
def test_a_tone_is_found_to_a_fraction_of_a_hertz(hz: float, rate: int) -> None:
    assert dominant_frequency(tone(1, hz, rate), rate) == pytest.approx(hz, abs=0.6)


def test_the_ear_decides_which_partial_dominates() -> None:
    mixed = tone(1, 50, level=0.3) + tone(1, 1000, level=0.1)
    assert dominant_frequency(mixed, 44100) == pytest.approx(1000, abs=1)


def test_silence_and_scraps_have_none() -> None:
    assert dominant_frequency(np.zeros(44100, np.float32), 44100) == 0.0
    assert dominant_frequency(tone(0.001), 44100) == 0.0
