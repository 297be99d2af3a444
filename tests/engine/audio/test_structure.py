"""Sections of songs with a known form."""

import itertools

import numpy as np
import pytest

from engine.audio.structure import SHORTEST_S, find_sections
from tests.conftest import HEART

RATE = 22_050
CHORDS = {
    "verse": (220.0, 261.6, 329.6),
    "chorus": (196.0, 246.9, 293.7),
    "bridge": (174.6, 220.0, 277.2),
    "suspended": (220.0, 246.9, 329.6),  # the verse's chord but for one note
}
NOISE = {"verse": 0.0, "chorus": 0.1, "bridge": 0.02, "suspended": 0.0}


def part(name: str, seconds: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * hz * t + rng.uniform(0, 6)) for hz in CHORDS[name])
    pulse = 0.6 + 0.4 * np.sign(np.sin(2 * np.pi * 2 * t))
    return (0.1 * tones * pulse + NOISE[name] * rng.normal(0, 1, len(t))).astype(np.float32)


def test_sections_are_found_and_repeats_share_a_label() -> None:
    form = [("verse", 20.0), ("chorus", 16.0), ("verse", 20.0), ("chorus", 16.0), ("bridge", 12.0), ("chorus", 16.0)]
    song = np.concatenate([part(name, seconds, seed) for seed, (name, seconds) in enumerate(form)])
    found = find_sections(song, RATE)
    assert [section.label for section in found] == ["A", "B", "A", "B", "C", "B"]
    expected = np.cumsum([seconds for _, seconds in form])
    assert [section.end for section in found] == pytest.approx(list(expected), abs=1.0)
    assert found == find_sections(song, RATE)


def test_a_part_that_shares_most_of_its_sound_with_another_is_not_that_part_again() -> None:
    parts = ["verse", "chorus", "bridge", "suspended"]
    song = np.concatenate([part(name, 16.0, seed) for seed, name in enumerate(parts)])
    assert [section.label for section in find_sections(song, RATE)] == ["A", "B", "C", "D"]


@pytest.mark.parametrize("seconds", [0.1, 3.0, 40.0])
def test_uniform_sound_is_one_section(seconds: float) -> None:
    for sound in (np.zeros(round(seconds * RATE), np.float32), part("verse", seconds, 1)):
        (only,) = find_sections(sound, RATE)
        assert (only.start, only.label) == (0.0, "A")
        assert only.end == pytest.approx(seconds, abs=1e-3)


def test_sections_cover_a_real_song_without_a_gap() -> None:
    import soundfile  # noqa: PLC0415 - this test's alone

    samples, rate = soundfile.read(HEART, dtype="float32", always_2d=True)
    found = find_sections(samples.mean(axis=1), rate)
    assert found[0].start == 0.0
    assert found[-1].end == pytest.approx(len(samples) / rate)
    for one, following in itertools.pairwise(found):
        assert one.end == following.start
        assert one.end - one.start >= SHORTEST_S
