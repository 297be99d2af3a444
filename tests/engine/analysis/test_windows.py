"""Analysis by window: smoothed offline, not smoothed live nor for the voice gate."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.analysis.instruments import Confusion
from engine.analysis.transcription.types import Passage, VoiceProbability, Word
from engine.analysis.windows import SongAnalyzer, analyze_causally
from engine.audio.song import Song
from tests.support.fakes import FakeTranscriber

LEVELS = (0.9, 0.9, 0.5, 0.9, 0.9)  # of each second


class Scripted:
    """A classifier whose probability is the level of the sound."""

    labels = ("vocal",)

    def __init__(self) -> None:
        self.confusion: Confusion = {}

    def __call__(self, mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        return np.array([mono[0]], np.float32)


@pytest.fixture
def song() -> Song:
    rate = 16_000
    return Song(np.repeat(np.array(LEVELS, np.float32), rate)[:, None], rate)


def test_offline_windows_are_smoothed_and_the_voice_gate_is_not(song: Song) -> None:
    voices: list[float] = []

    def words(audio: NDArray[np.float32], voice_between: VoiceProbability) -> Iterator[Passage]:
        voices.extend(voice_between(second + 0.1, second + 0.9) for second in range(len(LEVELS)))
        yield Passage((), 5.0)

    windows = [window.probabilities["vocal"] for window in SongAnalyzer(song, Scripted(), words, [], hop_s=1.0)]
    assert windows[2] > 0.6
    assert windows[0] > 0.9
    assert voices == pytest.approx(LEVELS)


def test_causal_windows_are_not_smoothed(song: Song) -> None:
    steps = analyze_causally(song, Scripted(), FakeTranscriber([]), hop_s=1.0)
    windows = [window for _, final in steps for window in final]
    assert [window.probabilities["vocal"] for window in windows] == pytest.approx(LEVELS)


def test_a_window_is_final_as_soon_as_no_word_can_be_added_to_it(song: Song) -> None:
    words = [Word("late", 1.2, 1.4, 0.9), Word("last", 4.5, 4.9, 0.9)]
    steps = [
        (until, final) for until, final in analyze_causally(song, Scripted(), FakeTranscriber(words, 2.5), hop_s=1.0)
    ]
    assert [until for until, _ in steps] == pytest.approx([1, 2, 3, 4, 5])
    starts = [[round(window.start) for window in final] for _, final in steps]
    assert starts[1] == [0]
    assert starts[2] == []  # "late" may still be committed, so the second window waits for it
    assert starts[3] == [1, 2]
    assert [start for step in starts for start in step] == [0, 1, 2, 3, 4]
    texts = {round(window.start): [word.text for word in window.words] for _, final in steps for window in final}
    assert texts == {0: [], 1: ["late"], 2: [], 3: [], 4: ["last"]}
