"""Scores of heard words by hand-made cases; each guard can be taken away, and is back afterwards."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.analysis.transcription.commit import CommitPolicy
from engine.analysis.transcription.filters import VoiceGate, remove_hallucinations
from engine.analysis.transcription.types import Word
from tools.evaluate.words.__main__ import summary
from tools.evaluate.words.cases import RATE, Case, Sung
from tools.evaluate.words.guards import WITHOUT
from tools.evaluate.words.peers import LocalAgreement
from tools.evaluate.words.scores import Score, align


def line(text: str, each_s: float = 0.5, confidence: float = 0.9, committed: float | None = None) -> list[Word]:
    return [Word(w, i * each_s, (i + 0.8) * each_s, confidence, committed) for i, w in enumerate(text.split())]


def case(text: str, seconds: float = 60.0) -> Case:
    sung = tuple(Sung(w, i * 0.5, i * 0.5 + 0.4) for i, w in enumerate(text.split()))
    return Case("song", "lyrics", "en", np.zeros(round(seconds * RATE), np.float32), RATE, sung)


def test_a_wrong_a_lost_and_an_added_word_are_three_errors() -> None:
    errors, pairs = align(["hold", "my", "heart", "oh", "my", "love"], ["told", "my", "heart", "my", "love", "me"])
    assert errors == 3
    assert sorted(pairs) == [(1, 1), (2, 2), (4, 3), (5, 4)]


def test_the_figures_are_those_of_the_words() -> None:
    score = Score()
    score.add(case("hold my heart oh"), line("hold my hurt oh", committed=3.0), computing_s=20.0)
    assert score.word_error_rate == 0.25
    assert score.late(50) == pytest.approx(3.0 - 0.9)
    assert score.times_real_time == 3.0
    assert score.invented_per_minute is None


def test_where_nobody_sings_every_word_is_invented() -> None:
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


def looked(*looks: tuple[list[Word], float]) -> list[Word]:
    """What is committed of looks at audio that ends at the times given."""
    policy = CommitPolicy()
    return [word for look, now_s in looks for word in policy.insert(look, now_s)]


GUARDED: dict[str, Callable[[], object]] = {
    "vocal gate": lambda: VoiceGate().update(0.0, 1.0),
    "known phrases": lambda: remove_hallucinations(line("Thanks for watching")),
    "notes in brackets": lambda: remove_hallucinations(line("[guitar solo]")),
    "loops": lambda: remove_hallucinations(line("oh my " * 6, each_s=0.1)),
    "least confidence": lambda: looked((line("heart", confidence=0.1), 9.0)),
    "surer when the voice stops": lambda: CommitPolicy().flush(line("heart", confidence=0.4), 9.0),
    "no echo": lambda: looked(
        ([Word("heart", 1.0, 1.4, 0.9)], 4.0), ([Word("heart", 1.0, 1.4, 0.9), Word("heart", 1.6, 2.0, 0.9)], 4.5)
    ),
    "placed in time": lambda: looked(([Word("heart", 1.0, 1.0, 0.9)], 9.0)),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_a_guard_taken_away_lets_through_what_it_removes(name: str) -> None:
    guarded = GUARDED[name]()
    with WITHOUT[name]():
        assert GUARDED[name]() != guarded
    assert GUARDED[name]() == guarded
