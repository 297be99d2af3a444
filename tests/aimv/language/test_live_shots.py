"""Live cutting as arithmetic: shots of 2 to 6 s, on beats where what is heard changes, and at once when asked."""

import itertools

import pytest

from aimv.language.shots import LiveCutter
from engine.analysis.transcription.types import Word
from engine.analysis.windows import WindowAnalysis
from engine.audio.tempo import Tempo

HOP = 0.25


def window(end: float, kick: float = 0.9, vocal: float = 0.0, lufs: float = -20.0, word: str = "") -> WindowAnalysis:
    words = (Word(word, end - 0.5, end - 0.2, 1.0),) if word else ()
    return WindowAnalysis(
        start=end - 1.0,
        end=end,
        loud=True,
        lufs=lufs,
        frequency_hz=100.0,
        probabilities={"kick": kick, "vocal": vocal, "bass": 0.1},
        words=words,
    )


def tempo(period: float = 0.5) -> Tempo:
    made = Tempo()
    made.set_link((0.0, period))
    return made


def perform(shots: LiveCutter, seconds: float, change_at: float = 1e9, first: float = 1.0) -> list[WindowAnalysis]:
    begun = []
    for number in range(round((seconds - first) / HOP) + 1):
        end = first + number * HOP
        sung = end > change_at + 0.5
        if shot := shots.push(window(end, kick=0.0 if sung else 0.9, vocal=0.9 if sung else 0.0)):
            begun.append(shot)
    return begun


def test_the_first_window_begins_the_show_at_its_start() -> None:
    shots = perform(LiveCutter(tempo()), 1.0)
    assert [shot.start for shot in shots] == [0.0]


def test_shots_are_cut_on_beats_and_are_not_too_long() -> None:
    starts = [shot.start for shot in perform(LiveCutter(tempo()), 60.0)]
    lengths = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert all(start % 0.5 == pytest.approx(0.0, abs=1e-6) for start in starts)
    assert all(2.0 <= length <= 6.0 for length in lengths)


def test_without_a_beat_a_shot_lasts_six_seconds() -> None:
    starts = [shot.start for shot in perform(LiveCutter(Tempo()), 20.0)]
    assert starts == [0.0, 6.0, 12.0, 18.0]


def test_a_change_is_cut_to_within_a_second_and_the_shot_says_it() -> None:
    shots = perform(LiveCutter(tempo()), 12.0, change_at=8.0)
    shot = next(shot for shot in shots if shot.start >= 8.0)
    assert shot.start <= 9.5
    assert shot.probabilities["vocal"] == pytest.approx(0.9)


def test_a_cut_that_is_asked_for_comes_with_the_next_window() -> None:
    shots = LiveCutter(tempo())
    perform(shots, 2.0)
    shots.request_cut()
    shot = shots.push(window(2.25))
    assert shot and shot.start == 2.25
    assert shots.push(window(2.5)) is None


def test_held_there_are_no_cuts_until_let_go() -> None:
    shots = LiveCutter(tempo())
    perform(shots, 2.0)
    shots.hold = True
    assert not perform(shots, 30.0, first=2.25)
    shots.hold = False
    assert shots.push(window(30.25)) or shots.push(window(30.5))


def test_a_word_is_in_one_shot_only() -> None:
    shots = LiveCutter(Tempo())
    said = []
    for number in range(120):
        end = 1.0 + number * HOP
        if shot := shots.push(window(end, word="heart" if number == 10 else "")):
            said.append(shot.text)
    assert said.count("heart") == 1
