"""Shots: no gap, no overlap, cut on beats and where what is heard changes."""

import itertools
from collections.abc import Sequence

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from aimv.app.listen import make_row, make_shot
from aimv.language.shots import RULE, cut_shots, merge_windows
from engine.analysis.transcription.types import Word
from engine.analysis.windows import WindowAnalysis
from engine.audio.features import Onset


def windows(duration: float, change_at: float = 1e9, hop: float = 0.25) -> list[WindowAnalysis]:
    """A song that changes from cello to crash at `change_at`."""
    heard, k = [], 0
    while k * hop + 1 <= duration + 1e-6:
        start = k * hop
        late = min(1.0, max(0.0, start + 1 - change_at))
        heard.append(
            WindowAnalysis(
                start,
                start + 1,
                late > 0.5,
                -30 + 20 * late,
                300.0,
                {"cello": 0.9 - 0.8 * late, "crash": late},
            )
        )
        k += 1
    return heard


@settings(max_examples=60, deadline=None)
@given(
    st.floats(1.0, 40.0),
    st.lists(st.floats(0, 40), max_size=60, unique=True),
    st.lists(st.floats(0, 40), max_size=30, unique=True),
)
def test_shots_cover_the_song_without_gap(duration: float, beats: list[float], onsets: list[float]) -> None:
    shots = list(cut_shots(windows(duration), sorted(beats), [Onset(t, 1.0, 0) for t in sorted(onsets)], duration))
    assert shots[0].start == 0.0
    assert abs(shots[-1].end - duration) < 1e-6
    for before, after in itertools.pairwise(shots):
        assert before.end == after.start
        assert RULE.shortest_s - 1e-6 <= before.end - before.start <= RULE.longest_s + 1e-6


def cuts(shots: Sequence[WindowAnalysis]) -> list[float]:
    return [shot.end for shot in shots]


def test_a_cut_falls_on_the_beat_where_the_music_changes() -> None:
    beats = [round(0.5 * k, 3) for k in range(60)]
    assert 13.5 in cuts(list(cut_shots(windows(30, change_at=13.5), beats, [], 30.0)))


def test_cuts_fall_on_beats_or_else_on_onsets() -> None:
    beats = [0.3 + 0.61 * k for k in range(48)]
    assert set(cuts(list(cut_shots(windows(30), beats, [], 30.0)))[:-1]) <= set(beats)
    onsets = [Onset(0.7 + 1.1 * k, 1.0, 0) for k in range(27)]
    assert set(cuts(list(cut_shots(windows(30), [], onsets, 30.0)))[:-1]) <= {o.time for o in onsets}


def test_shots_are_known_soon_after_their_windows() -> None:
    asked = 0

    def counted() -> object:
        nonlocal asked
        for window in windows(120):
            asked += 1
            yield window

    first = next(iter(cut_shots(counted(), [], [], 120.0)))  # type: ignore[arg-type]
    assert first.end <= RULE.longest_s
    assert asked <= (RULE.longest_s + 2) * 4


def test_a_shot_holds_the_words_and_the_crash_of_its_span() -> None:
    heard = windows(8.0, change_at=4.0)
    word = Word("heart", 4.5, 4.9, 0.9)
    heard = [msgspec.structs.replace(h, words=(word,)) if h.start <= 4.5 < h.end else h for h in heard]
    late = merge_windows(heard, 4.0, 8.0)
    assert late.text == "heart"
    assert late.loud
    assert late.probabilities["crash"] > 0.9
    assert merge_windows(heard, 0.0, 4.0).text == ""


def test_a_shot_of_the_score_has_when_each_of_its_words_is_sung() -> None:
    words = (Word("my", 4.5, 4.6, 0.9), Word("heart", 5.25, 5.9, 0.9))
    probabilities = {"cello": 0.9, "crash": 0.8, "kick": 0.7, "bass": 0.1}
    heard = WindowAnalysis(4.0, 8.0, True, -12.0, 300.0, probabilities, words)
    shot = make_shot(make_row(heard, {}, 0), 7)
    assert (shot.words, shot.times) == ("my heart", (4.5, 5.25))
