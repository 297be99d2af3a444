"""Beats of a click track at several tempi, offline and causally."""

import numpy as np
import pytest

from engine.audio.beats import BeatTracker, track_beats
from engine.audio.features import RATE, FeatureExtractor
from tests.conftest import clicks

SONG_S = 24.0


def strength(bpm: float) -> np.ndarray:
    times = list(np.arange(0.4, SONG_S - 0.1, 60 / bpm))
    return np.array(FeatureExtractor.of(clicks(times, SONG_S, 22050), 22050).onset_strength)


def share_hit(truth: np.ndarray, found: np.ndarray) -> float:
    """F-measure with a tolerance of 70 ms after 5 s (Davies et al. 2009)."""
    truth, found = truth[truth >= 5], found[found >= 5]
    hits = sum(bool(len(found)) and float(np.abs(found - t).min()) <= 0.07 for t in truth)
    return 2 * hits / max(1, len(truth) + len(found))


@pytest.mark.parametrize("bpm", [80, 100, 116, 140, 168])
def test_clicks_are_beats(bpm: float) -> None:
    truth = np.arange(0.4, SONG_S - 0.1, 60 / bpm)
    assert share_hit(truth, track_beats(strength(bpm), RATE)) > 0.95


@pytest.mark.parametrize("bpm", [100, 116, 140])
def test_causal_beats_are_predicted(bpm: float) -> None:
    tracker, found, flux = BeatTracker(RATE), [], strength(bpm)
    for at in range(0, len(flux), 10):
        for beat in tracker.push(flux[at : at + 10]):
            assert beat >= at / RATE - 0.01
            found.append(beat)
    assert share_hit(np.arange(0.4, SONG_S - 0.1, 60 / bpm), np.array(found)) > 0.85


def disco(bpm: float) -> np.ndarray:
    """Onset strength of a kick on every beat and, between them, an open hat, whose flux is many times the kick's."""
    rate = 22050
    random, time = np.random.default_rng(3), np.arange(rate // 4) / rate
    noise = random.standard_normal(rate // 4)
    swept = np.sin(2 * np.pi * (50 * time + 80 * (1 - np.exp(-30 * time)) / 30))
    kick = 0.9 * swept * np.exp(-time / 0.07) + 0.05 * noise * np.exp(-time / 0.004)
    hat = 0.08 * np.diff(noise, prepend=0) * np.exp(-time / 0.12)
    sound = np.zeros(round(SONG_S * rate), np.float32)
    for beat in np.arange(0.4, SONG_S - 1, 60 / bpm):
        for start, stroke in ((beat, kick), (beat + 30 / bpm, hat)):
            sound[round(start * rate) :][: len(stroke)] += stroke
    return np.array(FeatureExtractor.of(sound, rate).onset_strength)


@pytest.mark.parametrize("bpm", [104, 126])
def test_the_beat_is_on_the_kick_not_on_the_hats_between(bpm: float) -> None:
    truth, flux = np.arange(0.4, SONG_S - 1, 60 / bpm), disco(bpm)
    assert share_hit(truth, track_beats(flux, RATE)) > 0.95
    assert share_hit(truth, np.array(BeatTracker(RATE).push(flux))) > 0.85


@pytest.mark.parametrize("flux", [np.zeros(0), np.zeros(2000), np.ones(2000), np.ones(50)])
def test_no_beats_without_a_beat(flux: np.ndarray) -> None:
    assert len(track_beats(flux, RATE)) == 0
    assert BeatTracker(RATE).push(flux) == [] or len(flux) > 300
