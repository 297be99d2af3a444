"""Abstractions: the set pairs, sensible neighbours by similarity, no word twice."""

from hypothesis import given
from hypothesis import strategies as st

from aimv.language.abstraction import FIXED_PAIRS, abstractions, picturable_words


def test_set_pairs_are_kept() -> None:
    assert abstractions(("crash", "splash", "synth")) == ("impact", "wave", "tech")
    assert abstractions(("kick", "bass", "tom")) == ("canon", "deep", "bounce")
    assert abstractions(("cello", "vocal", "guitar")) == ("floating", "vibrate", "pedal")


def test_others_are_near_in_meaning() -> None:
    near = {name: abstractions((name,))[0] for name in ("organ", "timpani", "flute", "choir", "harp")}
    assert near == {
        "organ": "cathedral",
        "timpani": "thunder",
        "flute": "breath",
        "choir": "cathedral",
        "harp": "waterfall",
    }


def test_every_word_of_the_set_pairs_can_be_pictured() -> None:
    assert set(FIXED_PAIRS.values()) <= set(picturable_words())


@given(st.lists(st.text(min_size=1, max_size=12), min_size=3, max_size=3))
def test_any_three_names_give_three_different_words(names: list[str]) -> None:
    words = abstractions(tuple(names))
    assert len(set(words)) == 3
    assert set(words) <= set(picturable_words())
    assert words == abstractions(tuple(names))
