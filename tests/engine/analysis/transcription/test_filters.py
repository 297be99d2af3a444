"""Hallucinations are dropped, lyrics are kept, and doubtful words of a repeated line are replaced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.transcription.filters import RepetitionRepair, VoiceGate, normalized_parts, remove_hallucinations
from engine.analysis.transcription.types import Word, text_of


def sung(text: str, each_s: float = 0.4) -> list[Word]:
    return [Word(word, i * each_s, (i + 0.9) * each_s, 0.8) for i, word in enumerate(text.split())]


@pytest.mark.parametrize(
    "text",
    [
        "Thank you.",
        "you",
        "Music",
        "Thanks for watching!",
        "Subtitles by the Amara.org community",
        "Untertitel im Auftrag des ZDF",
        "Sous-titrage ST' 501",
        "Subtítulos realizados por la comunidad de Amara.org",
        "Merci d'avoir regardé cette vidéo",
    ],
)
def test_known_hallucinations_are_dropped(text: str) -> None:
    assert remove_hallucinations(sung(text)) == []


@pytest.mark.parametrize("text", ["thank you for the music", "I love you", "oh my heart, oh my heart, oh my heart"])
def test_lyrics_similar_to_hallucinations_are_kept(text: str) -> None:
    assert text_of(remove_hallucinations(sung(text))) == text


def test_a_runaway_loop_is_cut_where_it_gets_too_fast_to_be_sung() -> None:
    slow = sung("oh my heart oh my heart")
    runaway = [Word(text, 2.4 + i * 0.02, 2.4 + i * 0.02, 0.9) for i, text in enumerate(["oh", "my", "heart"] * 30)]
    assert text_of(remove_hallucinations([*slow, *runaway])) == "oh my heart oh my heart"


def test_a_chorus_sung_at_a_human_pace_is_no_loop() -> None:
    chorus = sung("na na na na na na na na hey Jude", each_s=0.35)
    assert remove_hallucinations(chorus) == chorus


@pytest.mark.parametrize("text", ["[♪ OUTRO PLAYS]", "(applause)", "♪ ♪", "[MUSIC"])
def test_annotations_are_dropped(text: str) -> None:
    assert text_of(remove_hallucinations(sung("oh heart " + text))) == "oh heart"


def test_normalized_parts_split_an_elision() -> None:
    assert normalized_parts("D'avoir,") == ["d", "avoir"]


def test_the_gate_opens_at_once_and_closes_after_two_seconds_without_a_voice() -> None:
    gate = VoiceGate()
    assert not gate.update(0.0, 1.0)
    for _ in range(2):  # a breath in between starts the two seconds anew
        assert gate.update(0.9, 0.25)
        assert all(gate.update(0.0, 0.25) for _ in range(7))
    assert not gate.update(0.0, 0.25)
    assert not gate.update(0.6, 0.25)


def test_an_uncertain_voice_keeps_an_open_gate_open_and_a_closed_one_closed() -> None:
    gate = VoiceGate()
    assert not gate.update(0.75, 5.0)
    gate.update(0.9, 0.25)
    assert all(gate.update(0.6, 1.0) for _ in range(10))


def test_an_unknown_vocal_probability_opens_the_gate() -> None:
    assert VoiceGate().update(None, 0.25)


def line(text: str, at_s: float = 0.0, doubtful: tuple[str, ...] = (), confidence: float = 0.9) -> list[Word]:
    return [
        Word(word, at_s + i * 0.5, at_s + i * 0.5 + 0.4, 0.3 if word in doubtful else confidence)
        for i, word in enumerate(text.split())
    ]


def remembering(text: str, confidence: float = 0.9) -> RepetitionRepair:
    repetition = RepetitionRepair()
    repetition.remember(line(text, confidence=confidence))
    return repetition


def test_a_doubtful_word_is_replaced_by_that_of_the_line_before() -> None:
    again = line("hold on to my hurt tonight love", at_s=60.0, doubtful=("hurt",))
    repaired = remembering("oh hold on to my heart tonight love").repair(again)
    assert text_of(repaired) == "hold on to my heart tonight love"
    assert (repaired[4].start, repaired[4].end) == (again[4].start, again[4].end)
    assert repaired[:4] + repaired[5:] == again[:4] + again[5:]


def test_words_that_take_the_place_of_others_share_their_time() -> None:
    again = line("hold on to my wholesome tonight love", at_s=60.0, doubtful=("wholesome",))
    repaired = remembering("hold on to my whole soul tonight love").repair(again)
    assert text_of(repaired) == "hold on to my whole soul tonight love"
    assert [word.start for word in repaired] == sorted(word.start for word in repaired)
    assert repaired[5].end == again[4].end


def test_another_verse_that_is_sure_stays() -> None:
    again = line("monkey like to eat fritos and drink", at_s=60.0)
    assert remembering("monkey like to eat pizza and drink").repair(again) == again


def test_another_verse_that_is_doubtful_stays_where_it_sounds_otherwise() -> None:
    again = line("monkey like to eat fritos and drink", at_s=60.0, doubtful=("fritos",))
    assert remembering("monkey like to eat pizza and drink").repair(again) == again


def test_a_reading_that_was_no_surer_mends_nothing() -> None:
    again = line("hold on to my hurt tonight love", at_s=60.0, doubtful=("hurt",))
    assert remembering("hold on to my heart tonight love", confidence=0.4).repair(again) == again


def test_one_word_in_common_on_a_side_is_not_the_same_line() -> None:
    again = line("to my hurt tonight", at_s=60.0, doubtful=("hurt",))
    assert remembering("to my heart tonight").repair(again) == again


WORDS = st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0.0, 1.0)), max_size=16)


@given(st.lists(WORDS, max_size=4))
def test_repaired_lines_stay_in_order_and_within_their_time(lines: list[list[tuple[str, float]]]) -> None:
    repetition = RepetitionRepair()
    for number, texts in enumerate(lines):
        sung = [Word(text, 20.0 * number + i, 20.0 * number + i + 0.9, sure) for i, (text, sure) in enumerate(texts)]
        repaired = repetition.repair(sung)
        assert [word.start for word in repaired] == sorted(word.start for word in repaired)
        assert all(20.0 * number <= word.start < word.end <= 20.0 * number + 17 for word in repaired)
        repetition.remember(repaired)
