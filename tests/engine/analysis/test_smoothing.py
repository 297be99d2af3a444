"""Smoothing over neighbouring windows: uncertain ones follow, certain and silent ones stay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.instruments import smooth

PROBABILITY = st.floats(0.0, 1.0)


def smoothed(label: str, probabilities: list[float], at: int, hop_s: float = 1.0) -> float:
    return float(smooth([label], np.array(probabilities)[:, None], at, hop_s)[0])


def test_uncertain_windows_follow_their_neighbours() -> None:
    assert smoothed("hi-hat", [0.9, 0.9, 0.5, 0.9, 0.9], 2) > 0.6
    assert smoothed("hi-hat", [0.1, 0.1, 0.5, 0.1, 0.1], 2) < 0.4
    assert smoothed("hi-hat", [0.9, 0.9, 0.5, 0.1, 0.1], 2) == pytest.approx(0.5)


def test_short_sounds_are_smoothed_less_than_sustained_ones() -> None:
    alone = [0.01, 0.01, 0.9, 0.01, 0.01]
    assert smoothed("hi-hat", alone, 2) < smoothed("crash", alone, 2) < 0.9
    assert smoothed("crash", alone, 2) > 0.8


def test_a_window_without_neighbours_is_unchanged() -> None:
    assert smoothed("bass", [0.3], 0) == pytest.approx(0.3)


def test_shorter_hops_add_no_evidence() -> None:
    whole, quarters = [0.6] * 7, [0.6] * 25
    assert smoothed("bass", quarters, 12, 0.25) == pytest.approx(smoothed("bass", whole, 3), abs=0.02)


@given(st.lists(PROBABILITY, min_size=1, max_size=9), st.integers(0, 8), st.sampled_from([0.02, 0.25, 0.5, 1.0]))
def test_it_stays_a_probability_silence_stays_silent_and_time_has_no_direction(
    probabilities: list[float], at: int, hop_s: float
) -> None:
    at %= len(probabilities)
    here = smoothed("bass", probabilities, at, hop_s)
    assert 0.0 <= here <= 1.0
    if probabilities[at] == 0.0:
        assert here == 0.0
    assert smoothed("bass", probabilities[::-1], len(probabilities) - 1 - at, hop_s) == pytest.approx(here)


@given(st.lists(PROBABILITY, min_size=2, max_size=9), PROBABILITY)
def test_more_evidence_nearby_never_makes_a_label_less_probable(probabilities: list[float], more: float) -> None:
    raised = [*probabilities[:-1], max(probabilities[-1], more)]
    assert smoothed("bass", raised, 0) >= smoothed("bass", probabilities, 0) - 1e-12
