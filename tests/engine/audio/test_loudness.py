"""Loudness against the standard's own test signal, and its average; the dominant frequency of tones and mixtures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.loudness import SILENCE_LUFS, RunningLoudness, dominant_frequency, k_weighted, k_weighting, loudness
from tests.conftest import tone


@pytest.mark.parametrize(("rate", "within"), [(8000, 0.25), (44100, 0.05), (48000, 0.01), (192000, 0.05)])
def test_full_scale_sine_of_997_hz_reads_minus_3_01(rate: int, within: float) -> None:
    assert loudness(tone(3, 997, rate, 1.0)[:, None], rate) == pytest.approx(-3.01, abs=within)


@pytest.mark.parametrize("rate", [8000, 44100, 192000])
@pytest.mark.parametrize("seconds", [0.01, 1.0])
def test_the_filter_is_that_of_its_sections(rate: int, seconds: float) -> None:
    signal = pytest.importorskip("scipy.signal")
    samples = np.random.default_rng(0).normal(0.5, 0.2, (round(seconds * rate), 2)).astype(np.float32)
    expected = signal.sosfilt(k_weighting(rate), samples.astype(np.float64), axis=0).T
    assert np.abs(k_weighted(samples, rate) - expected).max() < 1e-9


def test_two_equal_channels_add_3_db_and_half_level_takes_6() -> None:
    mono = tone(2, 997, 48000, 0.5)[:, None]
    assert loudness(np.repeat(mono, 2, axis=1), 48000) - loudness(mono, 48000) == pytest.approx(3.01, abs=0.01)
    assert loudness(mono * 0.5, 48000) - loudness(mono, 48000) == pytest.approx(-6.02, abs=0.01)


def test_bass_weighs_less_than_treble() -> None:
    low, high = (loudness(tone(2, hz, 48000)[:, None], 48000) for hz in (50, 4000))
    assert high - low > 4


@pytest.mark.parametrize("count", [0, 1, 44100])
def test_silence_reads_the_gate(count: int) -> None:
    assert loudness(np.zeros((count, 2), np.float32), 44100) == SILENCE_LUFS


def test_louder_than_so_far_is_loud() -> None:
    running = RunningLoudness()
    assert [running.is_loud(lufs) for lufs in (-20, -20, -10, -30, -12)] == [False, False, True, False, True]


@given(st.lists(st.floats(-70, 0), max_size=50))
def test_silence_is_never_loud_and_leaves_the_average(values: list[float]) -> None:
    plain, with_silence = RunningLoudness(), RunningLoudness()
    for value in values:
        assert not with_silence.is_loud(SILENCE_LUFS)
        assert plain.is_loud(value) == with_silence.is_loud(value)


@settings(max_examples=30, deadline=None)
@given(st.floats(40, 6000), st.sampled_from([16000, 44100, 48000]))
def test_a_tone_is_found_to_a_fraction_of_a_hertz(hz: float, rate: int) -> None:
    assert dominant_frequency(tone(1, hz, rate), rate) == pytest.approx(hz, abs=0.6)


def test_the_ear_decides_which_partial_dominates() -> None:
    mixed = tone(1, 50, level=0.3) + tone(1, 1000, level=0.1)
    assert dominant_frequency(mixed, 44100) == pytest.approx(1000, abs=1)


def test_silence_and_short_audio_have_no_loudness() -> None:
    assert dominant_frequency(np.zeros(44100, np.float32), 44100) == 0.0
    assert dominant_frequency(tone(0.001), 44100) == 0.0
