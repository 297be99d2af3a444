"""Captions of a live show: immediate, at the pace of the singing, without overlap."""

import pytest

from aimv.app.live import LiveCaptions
from engine.analysis.transcription.types import Word


class Show:
    """What was set, and the time, which is moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.set: list[tuple[str, float, float]] = []
        self.captions = LiveCaptions(lambda *word: self.set.append(word), lambda: self.now)

    def hear(self, at: float, *words: tuple[str, float, float]) -> None:
        self.now = at
        self.captions.add([Word(text, start, end, 0.9) for text, start, end in words])


def test_words_are_shown_when_they_are_known_as_far_apart_as_they_were_sung() -> None:
    show = Show()
    show.hear(12.0, ("my", 10.0, 10.2), ("heart,", 10.5, 11.0))
    assert show.set == [("my", 12.0, pytest.approx(12.5)), ("heart", pytest.approx(12.5), pytest.approx(13.0))]


def test_the_next_words_wait_for_those_before_them_but_not_for_long() -> None:
    show = Show()
    show.hear(12.0, ("one", 10.0, 10.2), ("two", 11.0, 11.5))
    show.hear(12.6, ("three", 11.6, 12.0))
    assert show.set[-1][:2] == ("three", pytest.approx(13.5))
    show.hear(13.0, ("four", 12.1, 22.0))
    show.hear(14.0, ("five", 13.0, 13.2))
    assert show.set[-1][:2] == ("five", 16.0)


def test_no_words_give_no_captions() -> None:
    show = Show()
    show.hear(1.0)
    assert show.set == []
