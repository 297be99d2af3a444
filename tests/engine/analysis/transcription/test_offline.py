"""Transcription of a whole song: voiced segments, overlapping decodes, repetition, translation."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.analysis.transcription.decoder import whole_words
from engine.analysis.transcription.filters import RepetitionRepair
from engine.analysis.transcription.offline import LONGEST_SEGMENT_S, WINDOW_S, OverlappingDecoder, voiced_segments
from engine.analysis.transcription.types import SAMPLE_RATE, Word


def test_a_long_segment_is_split_where_its_voice_is_weakest() -> None:
    decoded_until: list[float] = []

    def voice(start_s: float, end_s: float) -> float:
        decoded_until.append(end_s)
        return 0.6 if start_s == 47.0 else 0.9

    stretches = voiced_segments(voice, 240.0)
    assert next(stretches) == (0.0, 47.0)
    assert max(decoded_until) <= LONGEST_SEGMENT_S + 1.0  # the first words need only a part of the song
    rest = list(stretches)
    assert all(before[1] == after[0] for before, after in pairwise([(0.0, 47.0), *rest]))
    assert rest[-1][1] == 240.0
    assert all(end - start <= LONGEST_SEGMENT_S + 0.5 for start, end in rest)


def test_only_what_is_sung_is_decoded() -> None:
    stretches = [s for s in voiced_segments(lambda start, end: 0.9 if 20 <= start < 30 else 0.1, 60.0) if s[1] > s[0]]
    assert len(stretches) == 1
    assert 18 <= stretches[0][0] <= 20
    assert 30 <= stretches[0][1] <= 33


@pytest.mark.parametrize(("rest_s", "count"), [(4.0, 1), (12.0, 2)])
def test_a_short_rest_stays_inside_a_stretch_and_a_long_one_parts_it(rest_s: float, count: int) -> None:
    def voice(start_s: float, end_s: float) -> float:
        return 0.1 if 20 <= start_s < 20 + rest_s else 0.9

    assert len([stretch for stretch in voiced_segments(voice, 50.0) if stretch[1] > stretch[0]]) == count


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


class Sings:
    """Reads a word every half second of the song, those near the end of a stretch wrongly."""

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self.calls: list[tuple[float, float]] = []
        self.translations: list[tuple[float, float]] = []

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        end_s = start_s + len(audio) / SAMPLE_RATE
        self.calls.append((start_s, end_s))
        starts = np.arange(np.ceil(2 * start_s), np.floor(2 * end_s - 0.8) + 1) / 2
        return tuple(Word(f"w{s:g}" if s < end_s - 2.0 else f"cut{s:g}", s, s + 0.4, self.sure(s)) for s in starts)

    def translate(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        self.translations.append((start_s, start_s + len(audio) / SAMPLE_RATE))
        return (Word("love", start_s + 1.0, start_s + 1.4, 0.9),)

    def sure(self, start_s: float) -> float:
        return 0.1 if start_s == 30.0 else 0.9


def read(decoder: Sings, *ends_s: float, seconds: float = 90.0) -> list[list[Word]]:
    overlapping = OverlappingDecoder(np.zeros(round(seconds * SAMPLE_RATE), np.float32), 10.0, RepetitionRepair())
    return [words for end_s in ends_s for words in overlapping.decode_until(end_s, decoder)]


def test_decodes_overlap_and_each_word_is_taken_once_its_future_is_known() -> None:
    decoder = Sings()
    words = [word for words in read(decoder, 85.0) for word in words]
    assert decoder.calls[:5] == [(10, 16), (10, 22), (10, 28), (10, 34), (14, 40)]
    assert decoder.calls[-1][1] == 85.0
    assert all(end - start <= WINDOW_S for start, end in decoder.calls)
    assert [word.start for word in words] == [s for s in np.arange(10.0, 84.6, 0.5) if s != 30.0]
    assert all(word.text == f"w{word.start:g}" for word in words if word.end < 83.0), "not as they were cut off"


def test_a_stretch_that_goes_on_is_decoded_with_what_was_before_it() -> None:
    decoder = Sings()
    words = [word.start for words in read(decoder, 50.0, 70.0) for word in words]
    assert (26, 50) in decoder.calls
    assert (30, 56) in decoder.calls
    assert words == sorted(set(words))
    assert len(words) == 119


def test_words_of_another_language_are_translated_where_they_were_sung() -> None:
    decoder = Sings("es")
    spoken = read(decoder, 30.0)
    assert len(decoder.translations) == sum(bool(words) for words in spoken)
    assert all("love" in {word.english for word in words} for words in spoken if words)


class SingsTwice(Sings):
    """Reads the same line at two places, one word of it doubtful and misheard at the second."""

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        end_s = start_s + len(audio) / SAMPLE_RATE
        lines = ((10.0, "hold on to my heart tonight love"), (34.0, "hold on to my hurt tonight love"))
        words = [Word(w, at + k / 2, at + k / 2 + 0.4, 0.4 if w == "hurt" else 0.9)
                 for at, line in lines for k, w in enumerate(line.split())]  # fmt: skip
        return tuple(word for word in words if start_s <= word.start and word.end <= end_s)


def test_a_line_that_returns_is_repaired_from_when_it_was_surer() -> None:
    words = [word.text for words in read(SingsTwice(), 60.0) for word in words]
    assert " ".join(words) == " ".join(2 * ["hold on to my heart tonight love"])


class Hums(Sings):
    """Reads no words from 20 s to 40 s of the song."""

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        return tuple(word for word in super().decode(audio, start_s) if not 20.0 <= word.start < 40.0)


def test_words_before_a_hummed_line_are_not_decoded_with_it() -> None:
    decoder = Hums()
    words = [word.start for words in read(decoder, 60.0) for word in words]
    assert decoder.calls[2:5] == [(10, 28), (19.9, 34), (19.9, 40)]
    assert words == [*np.arange(10.0, 20.0, 0.5), *np.arange(40.0, 60.0, 0.5)]
