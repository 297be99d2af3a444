"""Lyrics in another language keep their words and get a translation."""

import numpy as np
from numpy.typing import NDArray

from aimv.language.content import Content
from aimv.language.sentence import sentence
from engine.analysis.transcription.decoder import with_translation
from engine.analysis.transcription.languages import is_foreign
from engine.analysis.transcription.streaming import TRANSLATE_EVERY_S, StreamingTranscriber
from engine.analysis.transcription.types import SAMPLE_RATE, Word, english_of, text_of

SUNG = [
    Word("te", 1.0, 1.3, 0.9),
    Word("doy", 1.4, 1.7, 0.9),
    Word("mi", 1.8, 2.0, 0.9),
    Word("corazón", 2.1, 2.9, 0.9),
]
ENGLISH = [
    Word("I", 1.0, 1.1, 0.9),
    Word("give", 1.3, 1.5, 0.9),
    Word("my", 1.8, 1.9, 0.9),
    Word("heart", 2.3, 2.9, 0.9),
]


class Bilingual:
    """Reads a Spanish word each half second, and its English."""

    def __init__(self, language: str | None) -> None:
        self.language = language
        self.translated: list[tuple[float, float]] = []

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        return self._words("palabra", start_s, start_s + len(audio) / SAMPLE_RATE)

    def translate(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        end_s = start_s + len(audio) / SAMPLE_RATE
        self.translated.append((start_s, end_s))
        return self._words("word", start_s, end_s)

    def _words(self, text: str, start_s: float, end_s: float) -> tuple[Word, ...]:
        starts = [0.5 * n for n in range(1000) if start_s <= 0.5 * n and 0.5 * n + 0.4 <= end_s]
        return tuple(Word(f"{text}{2 * start:g}", start, start + 0.4, 0.9) for start in starts)


def stream(decoder: Bilingual, seconds: float) -> list[Word]:
    words = StreamingTranscriber(decoder, clock=lambda: 0.0)
    words_found = [word for _ in range(round(seconds)) for word in words.feed(np.zeros(SAMPLE_RATE, np.float32), 0.9)]
    return words_found + words.finish()


def test_each_english_word_stands_with_the_word_sung_nearest_to_it() -> None:
    both = with_translation(SUNG, ENGLISH)
    assert text_of(both) == "te doy mi corazón"
    assert english_of(both) == "I give my heart"
    assert both[3].english == "heart"


def test_a_hallucinated_translation_is_dropped() -> None:
    looped = [Word(text, 1.0 + 0.05 * n, 1.04 + 0.05 * n, 0.9) for n, text in enumerate(["again"] * 20)]
    assert len((english_of(with_translation(SUNG, looped)) or "").split()) < 2
    assert with_translation([], ENGLISH) == []


def test_english_and_unknown_languages_are_not_rendered() -> None:
    assert not is_foreign("en")
    assert not is_foreign(None)
    decoder = Bilingual("en")
    assert english_of(stream(decoder, 20)) is None
    assert decoder.translated == []


def test_live_words_are_rendered_every_few_seconds_each_second_once() -> None:
    decoder = Bilingual("es")
    words_found = stream(decoder, 30)
    assert [word.text for word in words_found] == [f"palabra{n}" for n in range(60)]
    english = (english_of(words_found) or "").split()
    assert english == sorted(set(english), key=lambda word: int(word[4:]))
    assert len(english) >= 50
    assert len(decoder.translated) <= 30 / TRANSLATE_EVERY_S + 1


def test_the_sentence_holds_the_english_thing_and_the_lyric_stays() -> None:
    content = Content(
        "loud",
        "te doy mi corazón",
        ("crash", "splash", "synth"),
        "crimson",
        ("wave", "impact", "tech"),
        "I give my heart",
    )
    assert "a heart," in sentence(content)
    assert "a corazón," in sentence(
        Content("loud", content.words, content.instruments, "crimson", content.abstractions)
    )
