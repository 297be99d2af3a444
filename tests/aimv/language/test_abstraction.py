"""Abstractions: the fixed pairs, near words for the known instruments, no word twice."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimv.language.abstraction import FIXED_PAIRS, abstractions, associations, is_adjective, picturable_words, read_data


def test_fixed_pairs_are_kept() -> None:
    assert abstractions(("crash", "splash", "synth")) == ("impact", "wave", "tech")
    assert abstractions(("kick", "bass", "tom")) == ("canon", "deep", "bounce")
    assert abstractions(("cello", "vocal", "guitar")) == ("floating", "vibrate", "pedal")
    assert set(FIXED_PAIRS.values()) <= set(picturable_words())


@pytest.mark.parametrize(
    ("instrument", "word"),
    [
        ("organ", "cathedral"),
        ("timpani", "thunder"),
        ("flute", "breath"),
        ("choir", "cathedral"),
        ("harp", "waterfall"),
    ],
)
def test_others_are_near_in_meaning(instrument: str, word: str) -> None:
    assert abstractions((instrument,)) == (word,)


def test_an_instrument_that_comes_twice_gets_its_next_words() -> None:
    assert abstractions(("kick", "kick", "kick")) == ("canon", "pulse", "heartbeat")
    assert abstractions(("organ", "choir")) == ("cathedral", associations("choir")[1])


def test_an_unknown_instrument_has_every_word_in_an_order_of_its_own() -> None:
    assert abstractions(("kazoo", "kazoo", "ocarina")) == ("canyon", "flame", "ghostly")
    assert sorted(associations("kazoo")) == sorted(picturable_words())
    assert associations("kazoo") != associations("ocarina")


def test_the_table_has_enough_words_for_every_instrument() -> None:
    table, vocabulary = read_data("associations.json"), read_data("vocabulary.json")
    assert list(table) == list(vocabulary["instruments"])
    assert set(FIXED_PAIRS) <= set(table)
    assert all(len(set(words)) == 6 for words in table.values())
    assert set(itertools.chain(*table.values())) <= set(picturable_words())


def test_picturable_words_are_nouns_and_adjectives() -> None:
    assert picturable_words()[0] == "impact"
    assert picturable_words()[-1] == "ghostly"
    assert len(set(picturable_words())) == len(picturable_words())


def test_adjectives_are_known_by_the_vocabulary_or_by_their_ending() -> None:
    assert all(
        is_adjective(word) for word in ("neon", "sunny", "running", "tired", "careful", "famous", "reddish", "epic")
    )
    assert not any(is_adjective(word) for word in ("impact", "tech", "bounce", "heart"))


@settings(max_examples=50)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=3, max_size=3))
def test_any_three_names_give_three_different_words(names: list[str]) -> None:
    words = abstractions(tuple(names))
    assert len(set(words)) == 3
    assert set(words) <= set(picturable_words())
    assert words == abstractions(tuple(names))
