"""Live features: immediate onsets, bounded history, a beat that is tracked, tapped or shared."""

import numpy as np
import pytest

from engine.audio.beats import Tempo
from engine.audio.features import AttackDetector, LiveFeatureExtractor
from tests.conftest import clicks, tone

RATE = 44_100


def pushed(sound: np.ndarray, block: int = 441) -> list[tuple[float, float]]:
    """(time of each attack, seconds of sound known when it was found)."""
    attacks = AttackDetector(RATE)
    found = []
    for at in range(0, len(sound), block):
        found += [(onset.time, (at + block) / RATE) for onset in attacks.push(sound[at : at + block])]
    return found


def test_a_click_is_found_with_the_block_that_holds_it() -> None:
    times = [0.5, 1.1, 1.7, 2.25]
    found = pushed(clicks(times, 3.0))
    assert [time for time, _ in found] == pytest.approx(times, abs=0.003)
    assert all(known - time <= 0.0151 for time, known in found), "one block and two steps"


@pytest.mark.parametrize("hz", [55.0, 220.0, 880.0])
def test_a_held_tone_has_one_attack_at_most(hz: float) -> None:
    assert len(pushed(np.concatenate([np.zeros(RATE // 2, np.float32), tone(3.0, hz)]))) <= 1


def test_noise_has_no_attacks() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 5 * RATE).astype(np.float32)
    assert not pushed(noise)


def test_a_click_moves_the_picture_at_once_and_history_is_bounded() -> None:
    features = LiveFeatureExtractor(RATE, Tempo())
    sound = clicks([0.5 * k for k in range(1, 120)], 60.0)
    for at in range(0, len(sound), 441):
        found = features.push(sound[at : at + 441])
        if found:
            assert features.at((at + 441) / RATE).onset > 0.5
    assert len(features.onsets) <= 64
    assert len(features.extractor.onset_strength) <= 2500
    assert features.tempo.bpm == pytest.approx(120.0, abs=3.0)


def test_the_level_is_that_of_now_after_much_was_forgotten() -> None:
    features = LiveFeatureExtractor(RATE, Tempo())
    for _ in range(40):
        features.push(tone(1.0))
    loud = features.at(40.0).level
    for _ in range(3):
        features.push(np.zeros(RATE, np.float32))
    assert loud > 0.9
    assert features.at(43.0).level < 0.1


def test_taps_set_the_tempo_and_override_tracking() -> None:
    tempo = Tempo()
    for beat in range(20):
        tempo.add_beat(0.5 * beat)
    assert tempo.bpm == pytest.approx(120.0)
    for time in (10.0, 10.6, 11.2, 11.8):
        tempo.tap(time)
    assert tempo.source == "tapped"
    assert tempo.bpm == pytest.approx(100.0)
    assert tempo.at(12.4) == pytest.approx((0.0, 1.0), abs=1e-6)
    assert tempo.beats(11.9, 13.1) == pytest.approx([12.4, 13.0])


def test_a_tapped_beat_stays_on_the_onsets() -> None:
    tempo = Tempo()
    for number in range(4):
        tempo.tap(0.49 * number)
    for number in range(4, 200):
        tempo.add_onset(0.5 * number)
        tempo.add_onset(0.5 * number + 0.25)
    assert tempo.bpm == pytest.approx(120.0, abs=0.5)
    assert min(tempo.at(100.0)[0], 1 - tempo.at(100.0)[0]) < 0.05


def test_a_nudge_shifts_every_beat_and_a_room_rules() -> None:
    tempo = Tempo()
    for beat in range(20):
        tempo.add_beat(0.5 * beat)
    tempo.nudge(0.05)
    assert tempo.at(9.3)[0] == pytest.approx(0.5)
    tempo.set_link((0.1, 0.4))
    assert tempo.source == "link"
    assert tempo.at(4.15)[0] == pytest.approx(0.0, abs=1e-6)
    tempo.set_link(None)
    assert tempo.source == "tracked"
