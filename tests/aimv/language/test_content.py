"""The content tuple: selection of three instruments, silence, uncertainty, and abstractions."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimv.language.content import (
    FIXED_PAIRS,
    abstractions,
    associations,
    choose_instruments,
    is_adjective,
    make_content,
    picturable_words,
    read_data,
)
from engine.analysis.transcription.types import Word
from engine.analysis.windows import WindowAnalysis

LABELS = ("kick", "crash", "splash", "synth", "bass", "guitar", "vocal", "piano")
CONFUSION = {
    "crash": {"splash": 0.6, "synth": 0.2, "kick": 0.05},
    "guitar": {"bass": 0.5, "piano": 0.3},
    "vocal": {"bass": 0.05, "synth": 0.1, "speech": 0.9},
}


def probabilities(**given: float) -> dict[str, float]:
    return json.loads(json.dumps(dict.fromkeys(LABELS, 0.05) | given))  # names as from the model's metadata


def analysis(lufs: float = -14.0, hz: float = 440.0, loud: bool = True, **given: float) -> WindowAnalysis:
    return WindowAnalysis(0.0, 1.0, loud, lufs, hz, probabilities(**given))


@pytest.mark.parametrize(
    ("given", "names", "confident"),
    [
        ({"crash": 0.9, "piano": 0.3}, ("crash", "splash", "synth"), 1),  # what it could have been
        ({"guitar": 0.9, "vocal": 0.8, "kick": 0.4}, ("guitar", "vocal", "bass"), 2),  # the guitar's second guess
        ({"guitar": 0.9, "vocal": 0.8, "piano": 0.6}, ("guitar", "vocal", "piano"), 2),  # weighed by the window
        ({"guitar": 0.9, "vocal": 0.8, "bass": 0.0, "piano": 0.0}, ("guitar", "vocal", "bass"), 2),  # never to nothing
        ({"kick": 0.71, "crash": 0.9, "bass": 0.99, "synth": 0.8}, ("bass", "crash", "synth"), 3),  # the surest three
        ({"kick": 0.9, "bass": 0.1, "piano": 0.2}, ("kick", "piano", "bass"), 1),  # no confusion known: most probable
        ({"vocal": 0.9, "speech": 0.6}, ("vocal", "synth", "bass"), 1),  # speech fills no place
        ({"vocal": 0.9, "speech": 0.8}, ("vocal", "speech", "synth"), 2),  # but is named where it is sure
        ({"kick": 0.7}, ("kick", "crash", "splash"), 1),  # exactly the threshold is enough
        ({"kick": 0.699, "bass": 0.5}, ("kick", "bass", "crash"), 0),
    ],
)
def test_the_sure_ones_first_then_their_second_guesses(
    given: dict[str, float], names: tuple[str, ...], confident: int
) -> None:
    chosen = choose_instruments(probabilities(**given), CONFUSION)
    assert (chosen.names, chosen.confident) == (names, confident)


def test_a_guess_counts_by_how_sure_its_instrument_is() -> None:
    confusion = {"crash": {"kick": 0.5}, "vocal": {"bass": 0.4}}
    assert choose_instruments(probabilities(crash=0.95, vocal=0.7), confusion).names == ("crash", "vocal", "kick")
    assert choose_instruments(probabilities(crash=0.7, vocal=0.95), confusion).names == ("vocal", "crash", "bass")


def test_the_tuple_of_a_window() -> None:
    window = WindowAnalysis(
        0, 1, True, -14.0, 440.0, probabilities(crash=0.9), (Word("corazón", 0, 1, 1, None, "heart"),)
    )
    content, _, hex_colour = make_content(window, CONFUSION)
    assert (content.loudness, content.words, content.english) == ("loud", "corazón", "heart")
    assert content.instruments == ("crash", "splash", "synth")
    assert content.abstractions == ("impact", "wave", "tech")
    assert (content.colour, hex_colour) == ("red", "#ff0326")


def test_a_quiet_window_without_words() -> None:
    content, _, _ = make_content(analysis(loud=False, crash=0.9), CONFUSION)
    assert (content.loudness, content.words) == ("quiet", None)


def test_doubt_names_no_instrument_but_has_abstractions() -> None:
    content, chosen, _ = make_content(analysis(kick=0.5, bass=0.4, guitar=0.3), CONFUSION)
    assert chosen.names == ("kick", "bass", "guitar")
    assert content.instruments == ()
    assert content.abstractions == ("canon", "deep", "pedal")


@pytest.mark.parametrize("lufs", [-70.0, -80.0])
def test_silence_has_nothing_and_is_black(lufs: float) -> None:
    content, _, hex_colour = make_content(analysis(lufs=lufs, kick=0.9), CONFUSION)
    assert (content.instruments, content.abstractions, content.colour, hex_colour) == ((), (), "black", "#000000")
    assert make_content(analysis(lufs=-69.9, kick=0.9), CONFUSION)[0].instruments


@given(st.lists(st.floats(0, 1), min_size=len(LABELS), max_size=len(LABELS)))
def test_always_three_different_ones_the_sure_first(values: list[float]) -> None:
    given = dict(zip(LABELS, values, strict=True))
    chosen = choose_instruments(given, CONFUSION)
    assert len(set(chosen.names)) == 3
    sure = [name for name in chosen.names if given[name] >= 0.7]
    assert len(sure) == chosen.confident
    assert list(chosen.names[: len(sure)]) == sure


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


def test_a_repeated_instrument_gets_its_next_words() -> None:
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
