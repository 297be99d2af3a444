"""Which word of what is sung is put into the picture."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimv.language import lyrics
from aimv.language.lyrics import article, caption_words, sung_object, with_article


@pytest.mark.parametrize(
    ("sung", "thing"),
    [
        ("heart", "heart"),
        ("You are breaking my heart", "heart"),
        ("Heart!", "heart"),
        ("oh oh la la la", None),
        ("yeah, and then I was", None),
        ("walking down the river with you", "river"),
        ("mi corazón", "corazón"),
        ("das ist mein Herz", "herz"),
        ("lalala heeeey", None),
        ("99 balloons", "balloons"),
        ("心", "心"),
        ("", None),
    ],
)
def test_last_word_one_could_look_at(sung: str, thing: str | None) -> None:
    assert sung_object(sung) == thing


def test_a_slur_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = hashlib.sha256(b"badword").hexdigest()[:12]
    monkeypatch.setattr(lyrics, "blocklist", lambda: frozenset([listed]))
    assert sung_object("heart BADWORDS") == "heart"
    assert sung_object("bad-word") is None


def test_the_list_of_slurs_holds_digests_only() -> None:
    entries = lyrics.blocklist()
    assert len(entries) > 20
    assert all(len(entry) == 12 and int(entry, 16) >= 0 for entry in entries)


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("heart", "a heart"),
        ("eye", "an eye"),
        ("hour", "an hour"),
        ("unicorn", "a unicorn"),
        ("hands", "hands"),
        ("kiss", "a kiss"),
        ("сердце", "the word “сердце”"),
    ],
)
def test_named_with_its_article(word: str, named: str) -> None:
    assert with_article(word) == named


@given(st.text(max_size=80))
def test_any_text_gives_one_short_word_or_none(text: str) -> None:
    thing = sung_object(text)
    assert thing is None or (0 < len(thing) <= 24 and not any(letter.isspace() for letter in thing))


@given(st.text(min_size=1, max_size=10))
def test_article_is_a_or_an(word: str) -> None:
    assert article(word) in ("a", "an")


def test_type_is_set_when_a_word_is_sung_and_until_the_next() -> None:
    assert caption_words("Oh, my “heart”!", (1.0, 1.4, 2.0), 0.0, 6.0) == [
        ("Oh", 1.0, 1.4),
        ("my", 1.4, 2.0),
        ("heart", 2.0, 3.5),
    ]


def test_words_of_an_edited_score_share_the_shot_evenly() -> None:
    assert caption_words("two words", (1.0,), 2.0, 4.0) == [("two", 2.0, 3.0), ("words", 3.0, 4.0)]


def test_no_slur_is_set_in_type(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = hashlib.sha256(b"badword").hexdigest()[:12]
    monkeypatch.setattr(lyrics, "blocklist", lambda: frozenset([listed]))
    assert [text for text, _, _ in caption_words("my badword heart", (), 0.0, 3.0)] == ["my", "heart"]
