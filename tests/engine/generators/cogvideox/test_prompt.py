"""Prompt expansion: deterministic, within the token limit, the complete sentence first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.generators.cogvideox.prompt import expand_prompt
from engine.render.protocol import Job

SENTENCE = "Cello plays and Vocal sings in the background, the scene has a crimson color palette."


def job(prompt=SENTENCE, keywords=("floating", "vibrate", "pedal"), palette=("#dc143c",), seed=3):
    return Job("cogvideox", "", prompt, keywords, palette, seed, 720, 480, 8.0, 6.0)


def words(text):
    return len(text.split())


def test_a_sentence_becomes_a_paragraph_that_begins_with_it():
    grown = expand_prompt(job(), words, 226)
    assert grown.startswith(SENTENCE)
    assert "floating, vibrate and pedal" in grown
    assert "warm light" in grown
    assert words(grown) > 50
    assert expand_prompt(job(), words, 226) == grown


def test_paragraphs_differ_by_seed_and_have_the_same_closing_sentence():
    grown = {expand_prompt(job(seed=seed), words, 226) for seed in range(36)}
    assert len(grown) == 36
    assert len({paragraph.rsplit(". ", 1)[1] for paragraph in grown}) == 1


@pytest.mark.parametrize(
    ("colour", "light"),
    [("#000010", "dark, and cool"), ("#ffeedd", "pale warm"), ("#808080", "Rich neutral"), ("#2050c0", "Rich cool")],
)
def test_the_light_is_that_of_the_palette(colour, light):
    assert light in expand_prompt(job(palette=(colour,)), words, 226)


def test_a_paragraph_is_left_as_it_is():
    paragraph = " ".join(["word"] * 60)
    assert expand_prompt(job(prompt=paragraph), words, 226) == paragraph


@given(
    st.integers(0, 2**63),
    st.lists(st.text("abc", min_size=1, max_size=8), max_size=8),
    st.integers(1, 120),
    st.lists(st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}"), max_size=3),
)
def test_it_fits_unless_the_sentence_alone_does_not(seed, keywords, limit, palette):
    grown = expand_prompt(job(keywords=tuple(keywords), palette=tuple(palette), seed=seed), words, limit)
    assert grown.startswith(SENTENCE)
    assert words(grown) <= max(limit, words(SENTENCE))
