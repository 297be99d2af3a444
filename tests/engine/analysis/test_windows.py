"""Hearing window by window: in a file each window leans on its neighbours; live, and for the words, it stands alone."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.analysis.instruments import Confusion
from engine.analysis.transcription.types import Passage, VoiceProbability, Word
from engine.analysis.windows import SongAnalyzer, analyze_causally
from engine.audio.song import Song
from tests.support.fakes import FakeTranscriber

SAID = (0.9, 0.9, 0.5, 0.9, 0.9)  # of each second


class Scripted:
    """A classifier that says what was written down for a second, which it knows by its level."""

    labels = ("vocal",)

    def __init__(self) -> None:
        self.confusion: Confusion = {}

    def __call__(self, mono: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        return np.array([mono[0]], np.float32)


@pytest.fixture
def song() -> Song:
    rate = 16_000
    return Song(np.repeat(np.array(SAID, np.float32), rate)[:, None], rate)


def test_a_file_leans_on_its_neighbours_and_its_words_do_not(song: Song) -> None:
    voices: list[float] = []

    def words(audio: NDArray[np.float32], voice_between: VoiceProbability) -> Iterator[Passage]:
        voices.extend(voice_between(second + 0.1, second + 0.9) for second in range(len(SAID)))
        yield Passage((), 5.0)

    heard = [h.probabilities["vocal"] for h in SongAnalyzer(song, Scripted(), words, [], hop_s=1.0)]
    assert heard[2] > 0.6
    assert heard[0] > 0.9
    assert voices == pytest.approx(SAID)


def test_what_is_heard_live_stands_alone(song: Song) -> None:
    steps = analyze_causally(song, Scripted(), FakeTranscriber([]), hop_s=1.0)
    heard = [window for _, final in steps for window in final]
    assert [h.probabilities["vocal"] for h in heard] == pytest.approx(SAID)


def test_a_window_is_given_as_soon_as_no_word_can_be_added_to_it(song: Song) -> None:
    words = [Word("late", 1.2, 1.4, 0.9), Word("last", 4.5, 4.9, 0.9)]
    steps = [
        (until, final) for until, final in analyze_causally(song, Scripted(), FakeTranscriber(words, 2.5), hop_s=1.0)
    ]
    assert [until for until, _ in steps] == pytest.approx([1, 2, 3, 4, 5])
    starts = [[round(window.start) for window in final] for _, final in steps]
    assert starts[1] == [0]
    assert starts[2] == []  # "late" may still come, so the second window waits for it
    assert starts[3] == [1, 2]
    assert [start for step in starts for start in step] == [0, 1, 2, 3, 4]
    texts = {round(window.start): [word.text for word in window.words] for _, final in steps for window in final}
    assert texts == {0: [], 1: ["late"], 2: [], 3: [], 4: ["last"]}
