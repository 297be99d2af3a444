"""Filters drop Whisper's known hallucinations and keep what people sing."""

import pytest

from engine.analysis.transcription.filters import VoiceGate, normalized_parts, remove_hallucinations
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
def test_lyrics_that_look_like_them_are_kept(text: str) -> None:
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


def test_where_nothing_is_known_of_a_voice_the_gate_is_open() -> None:
    assert VoiceGate().update(None, 0.25)
