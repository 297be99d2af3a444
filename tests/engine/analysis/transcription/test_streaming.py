"""Streaming with a scripted decoder and clock: bounded memory and cost, no decoding without a voice."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.analysis.transcription.filters import HOLD_S
from engine.analysis.transcription.streaming import (
    BEFORE_VOICE_S,
    LONGEST_STEP_S,
    STEP_S,
    WINDOW_S,
    StreamingTranscriber,
)
from engine.analysis.transcription.types import SAMPLE_RATE, Transcriber, Word
from tests.support.fakes import FakeTranscriber

SONG = [Word(f"word{i}", 0.53 * i, 0.53 * i + 0.4, 0.9) for i in range(400)]


class ScriptedLooker:
    """Reads from a script the words that lie in the audio it is shown; each decode costs `cost_s` of its clock."""

    def __init__(self, cost_s: float = 0.0) -> None:
        self.cost_s = cost_s
        self.now_s = 0.0
        self.calls: list[tuple[float, float]] = []

    language = "en"

    def translate(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        raise AssertionError("English needs no rendering")

    def clock(self) -> float:
        return self.now_s

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        end_s = start_s + len(audio) / SAMPLE_RATE
        self.calls.append((start_s, end_s))
        self.now_s += self.cost_s
        return tuple(word for word in SONG if start_s - 0.01 <= word.start and word.end <= end_s)


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def stream(decoder: ScriptedLooker, seconds: float, block_s: float = 0.25, vocal: float | None = 0.9) -> list[Word]:
    words = StreamingTranscriber(decoder, decoder.clock)
    given_words: list[Word] = []
    for _ in range(round(seconds / block_s)):
        given_words += words.feed(silence(block_s), vocal)
    return given_words + words.finish()


@pytest.mark.parametrize("block_s", [0.1, 0.25, 1.0, 7.0])
def test_every_word_is_committed_once_for_any_block_size(block_s: float) -> None:
    given_words = stream(ScriptedLooker(), 42.0, block_s)
    assert [word.text for word in given_words] == [word.text for word in SONG if word.end <= 42.0]


def test_no_word_is_committed_before_the_time_up_to_which_words_are_complete() -> None:
    decoder = ScriptedLooker()
    words = StreamingTranscriber(decoder, decoder.clock)
    complete_until, committed = 0.0, 0
    for step in range(400):
        for word in words.feed(silence(0.25), 0.1 if 100 <= step < 180 else 0.9):
            assert word.start >= complete_until
            committed += 1
        assert complete_until <= words.complete_until <= 0.25 * (step + 1)
        complete_until = words.complete_until
        if step % 100 == 99:  # while somebody sings, and after a rest
            assert 0.25 * (step + 1) - complete_until < 5.0
    assert committed > 100


def test_words_are_committed_within_two_seconds_of_their_end() -> None:
    given_words = stream(ScriptedLooker(), 42.0)
    assert np.median([(word.committed or 99.0) - word.end for word in given_words]) < 2.0


def test_nothing_is_read_without_a_voice() -> None:
    decoder = ScriptedLooker()
    assert stream(decoder, 30.0, vocal=0.05) == []
    assert decoder.calls == []


def test_reading_starts_shortly_before_the_voice_and_ends_after_it() -> None:
    decoder = ScriptedLooker()
    words = StreamingTranscriber(decoder, decoder.clock)
    given_words = words.feed(silence(20.0), 0.0) + words.feed(silence(5.0), 0.9) + words.feed(silence(20.0), 0.0)
    assert decoder.calls[0][0] == pytest.approx(20.0 - BEFORE_VOICE_S, abs=0.01)
    assert decoder.calls[-1][1] <= 25.0 + HOLD_S + STEP_S
    assert 25.0 < given_words[-1].end <= 25.0 + HOLD_S + STEP_S


def test_audio_kept_is_bounded() -> None:
    decoder = ScriptedLooker()
    words = StreamingTranscriber(decoder, decoder.clock)
    for _ in range(200):
        words.feed(silence(0.5), 0.9)
        assert words.buffered_s <= WINDOW_S
    assert all(end - start <= WINDOW_S + 0.01 for start, end in decoder.calls)


def test_a_slow_machine_decodes_less_often_before_it_skips_audio() -> None:
    decoder = ScriptedLooker(cost_s=0.9 * STEP_S)
    words = StreamingTranscriber(decoder, decoder.clock)
    words.feed(silence(60.0), 0.9)
    assert STEP_S < words.step_s <= LONGEST_STEP_S
    assert words.skipped_s == 0.0
    assert decoder.now_s <= 60.0


def test_a_machine_that_cannot_keep_up_skips_audio_and_counts_it() -> None:
    decoder = ScriptedLooker(cost_s=6.0)
    words = StreamingTranscriber(decoder, decoder.clock)
    words.feed(silence(120.0), 0.9)
    assert words.step_s == LONGEST_STEP_S
    assert words.skipped_s > 10.0
    assert decoder.now_s <= 120.0 + 12.0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0.05, 3.0), st.sampled_from([None, 0.0, 0.6, 0.9])), max_size=40))
def test_words_given_are_in_order_and_never_again(blocks: list[tuple[float, float | None]]) -> None:
    decoder = ScriptedLooker()
    words = StreamingTranscriber(decoder, decoder.clock)
    given_words = [word for seconds, vocal in blocks for word in words.feed(silence(seconds), vocal)] + words.finish()
    starts = [word.start for word in given_words]
    assert starts == sorted(starts)
    assert len({word.text for word in given_words}) == len(given_words)


def test_the_fake_gives_its_script_after_its_delay() -> None:
    fake: Transcriber = FakeTranscriber([Word("heart", 1.0, 1.5, 1.0), Word("late", 5.0, 5.5, 1.0)], delay_s=0.5)
    assert fake.feed(silence(1.9)) == []
    assert [(word.text, word.committed) for word in fake.feed(silence(0.1))] == [("heart", 2.0)]
    assert fake.finish() == []
