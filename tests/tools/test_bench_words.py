"""Scores of transcription for hand-made cases, and ablation of each filter."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.analysis.transcription.types import Word
from tools.evaluate.words.__main__ import summary
from tools.evaluate.words.ablations import ABLATIONS, POLICIES, Configuration
from tools.evaluate.words.cases import RATE, Case, TrueWord
from tools.evaluate.words.peers import LocalAgreement
from tools.evaluate.words.scores import Score, align


def line(text: str, each_s: float = 0.5, confidence: float = 0.9, committed: float | None = None) -> list[Word]:
    return [Word(w, i * each_s, (i + 0.8) * each_s, confidence, committed) for i, w in enumerate(text.split())]


def case(text: str, seconds: float = 60.0) -> Case:
    sung = tuple(TrueWord(w, i * 0.5, i * 0.5 + 0.4) for i, w in enumerate(text.split()))
    return Case("song", "lyrics", "en", np.zeros(round(seconds * RATE), np.float32), RATE, sung)


def test_a_substitution_a_deletion_and_an_insertion_are_three_errors() -> None:
    errors, pairs = align(["hold", "my", "heart", "oh", "my", "love"], ["told", "my", "heart", "my", "love", "me"])
    assert errors == 3
    assert sorted(pairs) == [(1, 1), (2, 2), (4, 3), (5, 4)]


def test_the_figures_of_a_case() -> None:
    score = Score()
    score.add(case("hold my heart oh"), line("hold my hurt oh", committed=3.0), computing_s=20.0)
    assert score.word_error_rate == 0.25
    assert score.late(50) == pytest.approx(3.0 - 0.9)
    assert score.times_real_time == 3.0
    assert score.invented_per_minute is None


def test_every_word_of_an_instrumental_is_hallucinated() -> None:
    score = Score()
    score.add(case("", seconds=120.0), line("thank you"), computing_s=1.0)
    assert score.invented_per_minute == 1.0
    assert score.word_error_rate is None


def test_what_was_not_measured_is_none_in_the_summary() -> None:
    live, peer = Score(), Score()
    live.add(case("hold my heart"), line("hold my heart", committed=2.0), 10.0)
    peer.add(case("hold my heart"), line("hold"), 10.0)
    figures = summary({("lyrics", "streaming"): live, ("lyrics", "faster-whisper"): peer})
    assert (figures["wer_streaming"], figures["wer_file"]) == (0.0, None)
    assert figures["wer_offline_peer"] == pytest.approx(2 / 3)
    assert figures["times_real_time"] == 6.0


def test_local_agreement_commits_what_two_hypotheses_share() -> None:
    agreement = LocalAgreement()
    assert agreement.insert(line("hold my hand")) == []
    assert [word.text for word in agreement.insert(line("hold my heart"))] == ["hold", "my"]
    assert [word.text for word in agreement.insert(line("hold my heart oh"))] == ["heart"]


class ScriptedDecoder:
    """Returns one hypothesis after another; the last one again and again."""

    language = "en"

    def __init__(self, hypotheses: list[list[Word]]) -> None:
        self._rest = hypotheses

    def decode(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        now, *later = self._rest
        self._rest = later or self._rest
        return tuple(now)

    def translate(self, audio: NDArray[np.float32], start_s: float = 0.0) -> tuple[Word, ...]:
        return ()


FILTERED: dict[str, tuple[list[list[Word]], float, float]] = {  # hypotheses, vocal probability, seconds of audio
    "voice gate": ([line("heart")], 0.0, 6.0),
    "known hallucinations": ([line("Thanks for watching")], 1.0, 6.0),
    "bracketed annotations": ([line("[guitar solo]")], 1.0, 6.0),
    "loop removal": ([line("oh my " * 6, each_s=0.1)], 1.0, 6.0),
    "minimum confidence": ([line("heart", confidence=0.1)], 1.0, 6.0),
    "minimum confidence after the voice": ([line("heart", confidence=0.4)], 1.0, 1.0),
    "echo removal": ([[Word("heart", 0.2, 0.6, 0.9)], [Word("heart", 0.2, 0.6, 0.9), Word("heart", 0.9, 1.3, 0.9)], []],
                     1.0, 4.0),
    "word timing": ([[Word("heart", 1.0, 1.0, 0.9)]], 1.0, 6.0),
}  # fmt: skip


@pytest.mark.parametrize("name", ABLATIONS)
def test_a_disabled_filter_keeps_the_words_that_it_removes(name: str) -> None:
    hypotheses, vocal, seconds = FILTERED[name]

    def texts(configuration: Configuration) -> list[str]:
        audio = np.zeros(round(seconds * RATE), np.float32)
        words = configuration.transcribe(audio, ScriptedDecoder(hypotheses), lambda block: vocal)
        return [word.text for word in words]

    filtered = texts(POLICIES["streaming"])
    assert len(texts(ABLATIONS[name])) > len(filtered)
    assert texts(POLICIES["streaming"]) == filtered
