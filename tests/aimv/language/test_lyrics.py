"""Lyrics: selection of the word, its article, and captions."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimv.language import lyrics
from aimv.language.lyrics import article, caption_words, is_allowed, split_words, sung_object, with_article


@pytest.fixture
def badword(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of slurs with one word."""
    listed = hashlib.sha256(b"badword").hexdigest()[:12]
    monkeypatch.setattr(lyrics, "blocklist", lambda: frozenset([listed]))


@pytest.mark.parametrize(
    ("sung", "shown"),
    [
        ("heart", "heart"),
        ("You are breaking my heart", "heart"),
        ("Heart!", "heart"),
        ("my heart is 99", "heart"),
        ("x y heart z", "heart"),
        ("oh oh la la la", None),
        ("yeah, and then I was", None),
        ("walking down the river with you", "river"),
        ("mi corazón", "corazón"),
        ("das ist mein Herz", "herz"),
        ("heart lalala ooh-la mmm sha-la-la heeeey", "heart"),
        ("a ball", "ball"),
        ("my ox", "ox"),
        ("99 balloons", "balloons"),
        ("心", "心"),
        ("don’t", None),
        ("rock-'n'-roll", "rock-'n'-roll"),
        ("a" + "bc" * 12, "a" + "bc" * 11 + "b"),
        ("", None),
        (None, None),
    ],
)
def test_the_last_word_that_can_be_pictured_is_shown(sung: str | None, shown: str | None) -> None:
    assert sung_object(sung) == shown


def test_of_another_language_the_english_is_shown() -> None:
    assert sung_object("mi corazón", "my heart") == "heart"
    assert sung_object("mi corazón", "") is None
    assert sung_object(None, "my heart") == "heart"


def test_words_are_lower_case_without_punctuation_in_any_script() -> None:
    assert split_words("  'Tis Rock-n-Roll, “Ça va”! -- don’t 心 e\u0301te\u0301 ' ") == [
        *("tis", "rock-n-roll", "ça", "va", "don't", "心", "été")
    ]


@pytest.mark.usefixtures("badword")
def test_a_slur_is_never_shown_in_any_spelling() -> None:
    assert sung_object("heart BADWORDS") == "heart"
    assert sung_object("bad-word") is None
    for spelling in ("badword", "badwords", "badwordes", "Bad.Word", "bädword", "ＢＡＤword"):
        assert not is_allowed(spelling)
    assert is_allowed("badwordish")


def test_the_list_of_slurs_holds_digests_only() -> None:
    assert len(lyrics.blocklist()) > 20
    assert all(len(entry) == 12 and int(entry, 16) >= 0 for entry in lyrics.blocklist())


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("heart", "a heart"),
        ("eye", "an eye"),
        ("hour", "an hour"),
        ("unicorn", "a unicorn"),
        ("hands", "hands"),
        ("kiss", "a kiss"),
        ("virus", "a virus"),
        ("iris", "an iris"),
        ("élan", "an élan"),
        ("rock’n", "a rock’n"),
        ("сердце", "the word “сердце”"),
        ("2nd", "the word “2nd”"),
    ],
)
def test_named_with_its_article(word: str, named: str) -> None:
    assert with_article(word) == named


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hour Honest honour honor heir apple egg idol ocean umbrella über", "an"),
        ("universe use usual Europe one once ewe house kick yacht 心", "a"),
    ],
)
def test_the_article_follows_the_sound(words: str, expected: str) -> None:
    assert [article(word) for word in words.split()] == [expected] * len(words.split())
    assert article("") == "an"


@given(st.text(max_size=80))
def test_any_text_gives_one_short_word_or_none(text: str) -> None:
    word = sung_object(text)
    assert word is None or (0 < len(word) <= 24 and not any(letter.isspace() for letter in word))


def test_a_caption_appears_when_its_word_is_sung_and_goes_with_the_next() -> None:
    assert caption_words("Oh, my “heart”!", (1.0, 1.4, 2.0), 0.0, 6.0) == [
        ("Oh", 1.0, 1.4),
        ("my", 1.4, 2.0),
        ("heart", 2.0, 3.5),
    ]
    assert caption_words("heart", (1.0,), 0.0, 2.0) == [("heart", 1.0, 2.0)], "or with the shot"


def test_words_of_an_edited_score_share_the_shot_evenly() -> None:
    assert caption_words("two words", (1.0,), 2.0, 4.0) == [("two", 2.0, 3.0), ("words", 3.0, 4.0)]
    assert caption_words(" ", (), 2.0, 4.0) == []


@pytest.mark.usefixtures("badword")
def test_no_slur_and_no_bare_punctuation_is_a_caption() -> None:
    assert [text for text, _, _ in caption_words("my badword - heart", (), 0.0, 4.0)] == ["my", "heart"]
