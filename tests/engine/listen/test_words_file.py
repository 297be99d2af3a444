"""Where a whole song is read: stretches with a voice, the long ones parted; words of a length that is sung."""

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.listen.words_decoder import whole_words
from engine.listen.words_file import LONGEST_STRETCH_S, read_stretch, read_twice, sung_stretches
from engine.listen.words_refrain import Refrains
from engine.listen.words_seam import SAMPLE_RATE, Word


def test_a_long_stretch_is_parted_where_its_voice_is_weakest() -> None:
    asked: list[float] = []

    def voice(start_s: float, end_s: float) -> float:
        asked.append(end_s)
        return 0.6 if start_s == 47.0 else 0.9

    stretches = sung_stretches(voice, 240.0)
    assert next(stretches) == (0.0, 47.0)
    assert max(asked) <= LONGEST_STRETCH_S + 1.0  # not the whole song was asked for before the first words
    rest = list(stretches)
    assert all(before[1] == after[0] for before, after in pairwise([(0.0, 47.0), *rest]))
    assert rest[-1][1] == 240.0
    assert all(end - start <= LONGEST_STRETCH_S + 0.5 for start, end in rest)


def test_only_what_is_sung_is_read() -> None:
    stretches = [s for s in sung_stretches(lambda start, end: 0.9 if 20 <= start < 30 else 0.1, 60.0) if s[1] > s[0]]
    assert len(stretches) == 1
    assert 18 <= stretches[0][0] <= 20
    assert 30 <= stretches[0][1] <= 33


@pytest.mark.parametrize(("rest_s", "count"), [(4.0, 1), (12.0, 2)])
def test_a_short_rest_stays_inside_a_stretch_and_a_long_one_parts_it(rest_s: float, count: int) -> None:
    def voice(start_s: float, end_s: float) -> float:
        return 0.1 if 20 <= start_s < 20 + rest_s else 0.9

    assert len([stretch for stretch in sung_stretches(voice, 50.0) if stretch[1] > stretch[0]]) == count


def test_a_first_word_does_not_reach_back_over_a_rest_nor_a_last_one_over_the_next() -> None:
    pieces = [
        (" my", 19.9, 24.6, 0.9),
        (" heart", 24.7, 29.0, 0.9),
        (" sings", 35.0, 39.0, 0.9),
        (" on", 39.1, 39.4, 0.9),
    ]
    first, second, after_rest, last = whole_words(pieces, "en")
    assert (first.start, first.end) == (23.6, 24.6)
    assert (second.start, second.end) == (24.7, 27.1)
    assert (after_rest.start, after_rest.end) == (38.0, 39.0)
    assert (last.start, last.end) == (39.1, 39.4)


class PassesOver:
    """A model and a decoder in one: the first reading leaves out the seconds from 10 to 30, of 40."""

    language = "en"

    def __init__(self, confidence: float) -> None:
        self.confidence = confidence
        self.looks: list[tuple[float, float]] = []

    def transcribe(self, audio: NDArray[np.float32], **options: Any) -> tuple[list[Any], None]:
        starts = [n / 2 for n in range(80) if not 10 <= n / 2 < 30]
        words = [SimpleNamespace(word=f" w{s:g}", start=s, end=s + 0.4, probability=0.9) for s in starts]
        return [SimpleNamespace(words=words)], None

    def look(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        self.looks.append((start_s, start_s + len(audio) / SAMPLE_RATE))
        return (Word("found", start_s + 1.0, start_s + 1.5, self.confidence),)


@pytest.mark.parametrize(("confidence", "found"), [(0.9, 2), (0.3, 0)])
def test_sung_seconds_that_were_passed_over_are_read_again(confidence: float, found: int) -> None:
    whisper: Any = PassesOver(confidence)
    words = list(read_stretch(whisper, whisper, np.zeros(40 * SAMPLE_RATE, np.float32), 100.0))
    assert [round(start) for start, _ in whisper.looks] == [110, 124]
    assert [round(end) for _, end in whisper.looks] == [124, 130]
    assert sum(word.text == "found" for word in words) == found
    assert all(before.start <= after.start for before, after in pairwise(words))


class ReadsTheSame:
    """A decoder whose second reading is the first."""

    language = "en"

    def __init__(self, words: list[Word]) -> None:
        self.words = words

    def look(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        end_s = start_s + len(audio) / SAMPLE_RATE
        return tuple(word for word in self.words if start_s <= word.start and word.end <= end_s)


def test_a_refrain_is_mended_and_what_is_hardly_heard_is_left_out() -> None:
    def line(text: str, at_s: float, **sure: float) -> list[Word]:
        return [Word(w, at_s + i / 2, at_s + i / 2 + 0.4, sure.get(w, 0.9)) for i, w in enumerate(text.split())]

    sung = line("hold on to my heart tonight love", 0.0)
    sung += line("hold on to my hurt tonight love yeah", 30.0, hurt=0.3, yeah=0.1)
    decoder: Any = ReadsTheSame(sung)
    read = list(read_twice(iter(sung), decoder, np.zeros(60 * SAMPLE_RATE, np.float32), Refrains()))
    assert [" ".join(word.text for word in words) for words in read] == ["hold on to my heart tonight love"] * 2
