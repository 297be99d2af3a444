"""Onsets to the millisecond and band levels, independent of block size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.features import FeatureExtractor
from tests.conftest import clicks, tone

RATE = 22050
TIMES = [0.5, 1.037, 1.6, 2.2, 2.411, 3.3]


def test_clicks_are_detected_at_their_onsets() -> None:
    onsets = FeatureExtractor.of(clicks(TIMES, 4.0, RATE), RATE).onsets
    assert [o.time for o in onsets] == pytest.approx(TIMES, abs=0.004)
    assert all(o.strength > 0.5 for o in onsets)


def test_bands_answer_to_their_part_of_the_spectrum() -> None:
    for hz, band in ((60, "low"), (800, "mid"), (6000, "high")):
        mixed = np.concatenate([sum(tone(1, f, RATE, 0.2) for f in (60, 800, 6000)), tone(2, hz, RATE, 0.2)])
        reaction = FeatureExtractor.of(mixed, RATE).at(2.9)
        levels = {name: getattr(reaction, name) for name in ("low", "mid", "high")}
        assert max(levels, key=lambda name: levels[name]) == band
        assert sorted(levels.values())[1] < 0.3


def test_steady_tone_has_no_onset_but_its_first() -> None:
    assert len(FeatureExtractor.of(np.concatenate([np.zeros(RATE, np.float32), tone(4, 300, RATE)]), RATE).onsets) == 1


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=6))
def test_blocks_do_not_matter(blocks: list[int]) -> None:
    sound = clicks(TIMES, 4.0, RATE)
    whole, parts, at, turn = FeatureExtractor(RATE), FeatureExtractor(RATE), 0, 0
    whole.push(sound)
    while at < len(sound):
        parts.push(sound[at : at + blocks[turn % len(blocks)]])
        at += blocks[turn % len(blocks)]
        turn += 1
    assert parts.onset_strength == pytest.approx(whole.onset_strength, rel=1e-4, abs=1e-4)
    assert [o.time for o in parts.onsets] == pytest.approx([o.time for o in whole.onsets])


def test_the_pulse_of_an_onset_decays_and_is_never_early() -> None:
    features = FeatureExtractor.of(clicks([1.0], 2.0, RATE), RATE)
    assert features.at(0.99).onset == 0.0
    assert features.at(1.005).onset > 0.8
    assert 0.0 < features.at(1.3).onset < features.at(1.1).onset < features.at(1.005).onset


def test_beat_phase_runs_from_beat_to_beat() -> None:
    features = FeatureExtractor(RATE)
    features.beats = [1.0, 1.5, 2.0]
    assert features.at(1.25).beat_phase == pytest.approx(0.5)
    assert features.at(1.5).beat == 1.0
    assert features.at(0.5).beat == features.at(2.5).beat == 0.0
