"""Two readings become one: shared words stay, doubtful passages come from the surer reading, whole."""

from hypothesis import given
from hypothesis import strategies as st

from engine.listen.words_reconcile import reconcile
from engine.listen.words_seam import Word


def reading(text: str, confidence: float = 0.9, doubtful: tuple[str, ...] = ()) -> list[Word]:
    return [
        Word(word, i * 0.5, i * 0.5 + 0.4, 0.2 if word in doubtful else confidence)
        for i, word in enumerate(text.split())
    ]


def said(words: list[Word]) -> str:
    return " ".join(word.text for word in words)


def test_a_doubtful_passage_is_taken_whole_from_the_surer_reading() -> None:
    first = reading("there are legs in the midnight sky", doubtful=("there", "are", "legs"))
    assert said(reconcile(first, reading("millions of lights in the midnight sky"))) == (
        "millions of lights in the midnight sky"
    )


def test_the_first_reading_keeps_what_it_is_as_sure_of() -> None:
    first = reading("hold my heart", 0.8)
    assert reconcile(first, reading("told my hurt", 0.9)) == first


def test_words_only_the_second_reading_has_must_be_very_sure() -> None:
    first = reading("oh my heart")
    late = Word("sings", 1.6, 1.9, 0.95)
    assert said(reconcile(first, [*first, late])) == "oh my heart sings"
    assert reconcile(first, [*first, Word("you", 1.6, 1.9, 0.5)]) == first


def test_a_word_sung_long_before_is_another_word() -> None:
    early, shared, late = Word("heart", 0.0, 0.4, 0.9), Word("oh", 5.0, 5.4, 0.9), Word("heart", 10.0, 10.4, 0.95)
    assert reconcile([early, shared], [shared, late]) == [early, shared, late]


WORDS = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.0, 1.0)), max_size=8)


@given(WORDS, WORDS)
def test_every_word_comes_from_one_of_the_readings_in_order(
    a: list[tuple[str, float]], b: list[tuple[str, float]]
) -> None:
    first = [Word(text, i * 0.5, i * 0.5 + 0.4, sure) for i, (text, sure) in enumerate(a)]
    second = [Word(text, i * 0.5, i * 0.5 + 0.4, sure) for i, (text, sure) in enumerate(b)]
    words = reconcile(first, second)
    assert all(word in first or word in second for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)


@given(WORDS)
def test_a_reading_reconciled_with_itself_is_unchanged(a: list[tuple[str, float]]) -> None:
    first = [Word(text, i * 0.5, i * 0.5 + 0.4, sure) for i, (text, sure) in enumerate(a)]
    assert reconcile(first, first) == first
