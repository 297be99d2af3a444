"""Three instruments and the fill rule; the tuple in silence and in doubt."""

from hypothesis import given
from hypothesis import strategies as st

from aimv.language.content import choose_instruments, content_of
from engine.analysis.windows import WindowAnalysis

LABELS = ("kick", "crash", "splash", "synth", "bass", "guitar", "vocal", "piano")
CONFUSION = {
    "crash": {"splash": 0.6, "synth": 0.2, "kick": 0.05},
    "guitar": {"bass": 0.5, "piano": 0.3},
    "vocal": {"bass": 0.05, "synth": 0.1},
}


def probabilities(**given: float) -> dict[str, float]:
    return {label: given.get(label, 0.05) for label in LABELS}


def heard(lufs: float = -14.0, hz: float = 440.0, **given: float) -> WindowAnalysis:
    return WindowAnalysis(0.0, 1.0, True, lufs, hz, probabilities(**given))


def test_a_sure_crash_is_filled_with_what_it_could_have_been() -> None:
    chosen = choose_instruments(probabilities(crash=0.9, piano=0.3), CONFUSION)
    assert chosen.names == ("crash", "splash", "synth")
    assert chosen.confident == 1


def test_guitar_and_vocal_are_filled_with_the_guitars_second_guess() -> None:
    chosen = choose_instruments(probabilities(guitar=0.9, vocal=0.8, kick=0.4), CONFUSION)
    assert chosen.names == ("guitar", "vocal", "bass")
    assert chosen.confident == 2


def test_the_window_weighs_the_guesses() -> None:
    chosen = choose_instruments(probabilities(guitar=0.9, vocal=0.8, piano=0.6), CONFUSION)
    assert chosen.names == ("guitar", "vocal", "piano")


def test_more_than_three_sure_ones_are_the_surest_three() -> None:
    chosen = choose_instruments(probabilities(kick=0.71, crash=0.9, bass=0.99, synth=0.8), CONFUSION)
    assert chosen.names == ("bass", "crash", "synth")
    assert chosen.confident == 3


def test_exactly_the_threshold_is_enough() -> None:
    assert choose_instruments(probabilities(kick=0.7), CONFUSION).confident == 1
    assert choose_instruments(probabilities(kick=0.699), CONFUSION).confident == 0


def test_doubt_names_no_instrument_but_has_abstractions() -> None:
    content, chosen, _ = content_of(heard(kick=0.5, bass=0.4, guitar=0.3), CONFUSION)
    assert chosen.names == ("kick", "bass", "guitar")
    assert content.instruments == ()
    assert content.abstractions == ("canon", "deep", "pedal")


def test_silence_has_nothing_and_is_black() -> None:
    content, _, hex_colour = content_of(heard(lufs=-70.0, hz=0.0, kick=0.9), CONFUSION)
    assert (content.instruments, content.abstractions, content.colour, hex_colour) == ((), (), "black", "#000000")


@given(st.lists(st.floats(0, 1), min_size=len(LABELS), max_size=len(LABELS)))
def test_always_three_different_ones_the_sure_first(values: list[float]) -> None:
    given = dict(zip(LABELS, values, strict=True))
    chosen = choose_instruments(given, CONFUSION)
    assert len(set(chosen.names)) == 3
    sure = [name for name in chosen.names if given[name] >= 0.7]
    assert len(sure) == chosen.confident
    assert list(chosen.names[: len(sure)]) == sure
