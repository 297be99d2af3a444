"""Windows lean on their neighbours: doubt follows them, certainty stands, silence stays silent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.instruments import smooth

PROBABILITY = st.floats(0.0, 1.0)


def leaning(label: str, said: list[float], at: int, hop_s: float = 1.0) -> float:
    return float(smooth([label], np.array(said)[:, None], at, hop_s)[0])


def test_doubt_follows_what_its_neighbours_agree_on() -> None:
    assert leaning("hi-hat", [0.9, 0.9, 0.5, 0.9, 0.9], 2) > 0.6
    assert leaning("hi-hat", [0.1, 0.1, 0.5, 0.1, 0.1], 2) < 0.4
    assert leaning("hi-hat", [0.9, 0.9, 0.5, 0.1, 0.1], 2) == pytest.approx(0.5)


def test_what_is_thrown_in_leans_less_than_what_goes_on() -> None:
    alone = [0.01, 0.01, 0.9, 0.01, 0.01]
    assert leaning("hi-hat", alone, 2) < leaning("crash", alone, 2) < 0.9
    assert leaning("crash", alone, 2) > 0.8


def test_a_window_with_no_neighbours_is_left_as_it_was() -> None:
    assert leaning("bass", [0.3], 0) == pytest.approx(0.3)


def test_shorter_hops_say_no_more_of_a_second() -> None:
    whole, quarters = [0.6] * 7, [0.6] * 25
    assert leaning("bass", quarters, 12, 0.25) == pytest.approx(leaning("bass", whole, 3), abs=0.02)


@given(st.lists(PROBABILITY, min_size=1, max_size=9), st.integers(0, 8), st.sampled_from([0.02, 0.25, 0.5, 1.0]))
def test_it_stays_a_probability_silence_stays_silent_and_time_has_no_direction(
    said: list[float], at: int, hop_s: float
) -> None:
    at %= len(said)
    here = leaning("bass", said, at, hop_s)
    assert 0.0 <= here <= 1.0
    if said[at] == 0.0:
        assert here == 0.0
    assert leaning("bass", said[::-1], len(said) - 1 - at, hop_s) == pytest.approx(here)


@given(st.lists(PROBABILITY, min_size=2, max_size=9), PROBABILITY)
def test_more_evidence_nearby_never_makes_a_label_less_probable(said: list[float], more: float) -> None:
    raised = [*said[:-1], max(said[-1], more)]
    assert leaning("bass", raised, 0) >= leaning("bass", said, 0) - 1e-12
