"""Shots without gaps or overlaps, cut on beats, at bars and changes, of a song and of a live input."""

import itertools
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimv.language.shots import RULE, CutRule, LiveCutter, cut_shots, merge_windows
from engine.analysis.transcription.types import Word
from engine.analysis.windows import WindowAnalysis
from engine.audio.beats import Tempo
from engine.audio.features import Onset

HOP = 0.25
EVEN = [0.7 * number for number in range(60)]  # beats; a bar lasts 2.8 s


def window(
    start: float, *, end: float = 0.0, lufs: float = -20.0, hz: float = 100.0, loud: bool = True, **labels: float
) -> WindowAnalysis:
    probabilities = {"cello": 0.9, "crash": 0.0, "kick": 0.1, "bass": 0.1} | labels
    return WindowAnalysis(start, end or start + 1.0, loud, lufs, hz, probabilities)


def with_word(analysis: WindowAnalysis, text: str, start: float) -> WindowAnalysis:
    word = Word(text, start, start + 0.2, 0.9)
    return WindowAnalysis(*(getattr(analysis, name) for name in analysis.__struct_fields__[:6]), (word,))


def song(duration: float, change_at: float = 1e9) -> list[WindowAnalysis]:
    """Windows of a song that changes from a quiet cello to a loud crash at `change_at`."""
    windows = []
    for number in range(int((duration - 1) / HOP + 1e-6) + 1):
        late = min(1.0, max(0.0, number * HOP + 1 - change_at))
        windows.append(window(number * HOP, lufs=-30 + 20 * late, loud=late > 0.5, cello=0.9 - 0.8 * late, crash=late))
    return windows


def cuts(
    duration: float,
    beats: Sequence[float] = (),
    onsets: Sequence[float] = (),
    change_at: float = 1e9,
    rule: CutRule = RULE,
) -> list[float]:
    """The ends of the shots."""
    hits = [Onset(time, 1.0) for time in onsets]
    return [shot.end for shot in cut_shots(song(duration, change_at), beats, hits, duration, rule)]


def test_a_change_is_that_of_the_three_labels_that_differ_most_and_of_the_loudness() -> None:
    still = window(0)
    assert RULE.change(still, still) == 0
    assert RULE.change(still, window(1, cello=0.6)) == pytest.approx(0.1)
    assert RULE.change(window(0, cello=0.6, crash=0.6, kick=0.4, bass=0.2), still) == pytest.approx(0.4)
    assert RULE.change(still, window(1, lufs=-14)) == RULE.change(window(1, lufs=-14), still) == 0.5
    assert RULE.change(still, window(1, lufs=-60)) == 1.0, "at most"


def test_a_bar_makes_a_better_cut_and_a_length_far_from_the_usual_a_worse_one() -> None:
    assert RULE.score(0.5, 4.0, 1) == 0.5
    assert RULE.score(0.5, 4.0, 8) == RULE.score(0.5, 4.0, 0) == 0.75
    assert RULE.score(0.5, 3.0, 1) == RULE.score(0.5, 5.0, 3) == pytest.approx(0.44)
    with pytest.raises(AttributeError):
        RULE.bar_bonus = 0.0  # type: ignore[misc]


@settings(max_examples=60, deadline=None)
@given(
    st.floats(1.0, 40.0),
    st.lists(st.floats(0, 40), max_size=60, unique=True),
    st.lists(st.floats(0, 40), max_size=30, unique=True),
    st.floats(0, 40),
)
def test_shots_cover_the_song_without_gap_each_with_all_its_windows(
    duration: float, beats: list[float], onsets: list[float], change_at: float
) -> None:
    windows = song(duration, change_at)
    shots = list(cut_shots(windows, sorted(beats), [Onset(time, 1.0) for time in sorted(onsets)], duration))
    assert shots[0].start == 0.0
    assert shots[-1].end == pytest.approx(duration, abs=1e-6)
    for shot, following in itertools.pairwise(shots):
        assert shot.end == following.start
        assert RULE.shortest_s - 1e-6 <= shot.end - shot.start <= RULE.longest_s + 1e-6
    assert shots == [merge_windows(windows, shot.start, shot.end) for shot in shots]


def test_a_cut_falls_on_the_beat_where_the_music_changes() -> None:
    assert 13.5 in cuts(30.0, [0.5 * number for number in range(60)], change_at=13.5)
    assert cuts(20.0, [2.45, 3.1, 3.9, 5.2], change_at=3.1)[0] == 3.1, "also where no window ends"


def test_in_even_music_a_cut_falls_on_a_bar_not_on_a_beat_nearer_to_the_usual_length() -> None:
    assert cuts(20.0, EVEN)[:4] == pytest.approx([2.8, 5.6, 8.4, 11.2])
    assert cuts(20.0, EVEN, rule=CutRule(bar_bonus=0.0))[:3] == pytest.approx([4.2, 8.4, 12.6])
    assert cuts(20.0, EVEN, rule=CutRule(beats_per_bar=3))[:3] == pytest.approx([4.2, 8.4, 12.6])


def test_bars_are_counted_from_the_beat_at_the_shots_start() -> None:
    late = [0.3 + beat for beat in EVEN]  # the first shot starts before the first beat
    assert cuts(20.0, late)[:3] == pytest.approx([3.1, 5.9, 8.7])
    early = [beat - 0.04 for beat in EVEN]  # the first beat is a little before the first shot
    assert cuts(20.0, early[1:])[:2] == pytest.approx([3.46, 6.26])
    assert cuts(20.0, EVEN, change_at=2.1)[:3] == pytest.approx([2.1, 4.9, 7.7]), "bars after a cut within a bar"


def test_a_small_shift_of_one_beat_does_not_shift_its_bar() -> None:
    shifted = [beat - 0.04 if number == 4 else beat for number, beat in enumerate(EVEN)]
    assert cuts(20.0, shifted)[:3] == pytest.approx([2.76, 5.6, 8.4])


def test_where_there_is_no_beat_a_cut_falls_on_an_onset_and_without_one_the_usual_length_holds() -> None:
    assert cuts(20.0, onsets=[1.9, 3.0, 5.2, 11.0])[:2] == [3.0, 5.2]
    assert cuts(20.0, beats=[3.5], onsets=[4.0, 7.5])[:2] == [3.5, 7.5]
    assert cuts(10.5) == [4.0, 8.0, 10.5]


def test_a_cut_may_be_at_the_earliest_and_at_the_latest_allowed_time() -> None:
    for given_times in ("beats", "onsets"):
        assert cuts(20.0, **{given_times: [1.99, 2.0]})[0] == 2.0
        assert cuts(20.0, **{given_times: [6.0, 6.01]})[0] == 6.0
        assert cuts(20.0, **{given_times: [1.99, 6.01]})[0] == 4.0


def test_the_last_shots_are_long_enough() -> None:
    assert cuts(6.0) == [6.0]
    assert cuts(3.9, beats=[2.0]) == [3.9], "too short to be parted"
    assert cuts(4.0, beats=[2.0]) == [2.0, 4.0]
    assert cuts(5.0, beats=[3.0, 3.1]) == [3.0, 5.0]
    assert cuts(5.0, beats=[3.1]) == [5.0], "what is left would be too short"


def test_a_shot_is_known_a_second_after_the_longest_it_could_be() -> None:
    read = 0

    def counted() -> Iterator[WindowAnalysis]:
        nonlocal read
        for read, analysis in enumerate(song(120.0), 1):  # noqa: B007 - counted
            yield analysis

    next(iter(cut_shots(counted(), [], [], 120.0)))
    assert read == (RULE.longest_s + 1.0 - 1.0) / HOP + 1


def test_a_probability_is_that_of_the_better_half_of_the_windows() -> None:
    windows = [window(number, crash=crash) for number, crash in enumerate((0.2, 0.9, 0.4))]
    assert merge_windows(windows, 0.0, 3.0).probabilities["crash"] == pytest.approx(0.65)
    assert merge_windows(windows[:2], 0.0, 2.0).probabilities["crash"] == pytest.approx(0.9)


def test_a_shot_is_loud_if_most_windows_are_and_as_loud_as_the_loudest() -> None:
    one, two, three = window(0, lufs=-30), window(1, loud=False, lufs=-10), window(2, lufs=-20)
    assert not merge_windows([one, two], 0.0, 2.0).loud
    merged = merge_windows([one, two, three], 0.0, 3.0)
    assert (merged.loud, merged.lufs) == (True, -10)
    quiet = window(3, loud=False)
    assert not merge_windows([one, two, quiet], 0.0, 4.0).loud


def test_the_frequency_is_the_median_of_the_windows_that_have_one() -> None:
    windows = [window(number, hz=hz) for number, hz in enumerate((0.0, 300.0, 0.5, 200.0))]
    assert merge_windows(windows, 0.0, 4.0).frequency_hz == 200.0
    assert merge_windows(windows[:1], 0.0, 1.0).frequency_hz == 0.0


def test_a_window_belongs_to_a_shot_if_three_fifths_of_it_do() -> None:
    outside = window(0, end=0.5, crash=0.0)
    merged = merge_windows([outside, window(1, end=3.5, crash=0.3), window(2, end=4, crash=0.9)], 2.0, 3.0)
    assert merged.probabilities["crash"] == 0.3, "no window lies inside: the nearest"
    assert (
        merge_windows([outside, window(1.4, crash=0.2), window(3, crash=0.9)], 1.0, 2.0).probabilities["crash"] == 0.2
    )
    late = merge_windows([outside, window(3.41, crash=0.5), window(3.6, crash=0.2)], 2.0, 4.01)
    assert late.probabilities["crash"] == 0.5


def test_words_and_beats_are_those_that_start_in_the_shot_each_once_and_in_order() -> None:
    word = [with_word(window(at), text, at) for text, at in (("b", 2.5), ("a", 2.0), ("b", 2.5), ("late", 4.0))]
    beats = WindowAnalysis(2.0, 3.0, True, -20.0, 100.0, window(2.0).probabilities, (), (3.5, 2.0, 2.5, 4.0, 1.9, 2.5))
    merged = merge_windows([*word, with_word(window(1.9), "early", 1.9), beats], 2.0, 4.0)
    assert [each.text for each in merged.words] == ["a", "b"]
    assert merged.beats == (2.0, 2.5, 3.5)


def tempo(period: float = 0.5) -> Tempo:
    made = Tempo()
    made.set_link((0.0, period))
    return made


def perform(cutter: LiveCutter, until: float, change_at: float = 1e9, first: float = 1.0) -> list[WindowAnalysis]:
    """The shots of a live input from `first` s on that changes from cello to crash at `change_at`."""
    shots = []
    for number in range(round((until - first) / HOP) + 1):
        end = first + number * HOP
        late = end > change_at + 0.5
        if shot := cutter.push(window(end - 1.0, crash=0.9 * late, cello=0.9 * (not late))):
            shots.append(shot)
    return shots


def starts(shots: Sequence[WindowAnalysis]) -> list[float]:
    return [shot.start for shot in shots]


def test_the_first_window_begins_the_show_at_its_start() -> None:
    (shot,) = perform(LiveCutter(tempo()), 1.0)
    assert (shot.start, shot.end) == (0.0, 4.0), "its usual length: the real one is not known"
    (shot,) = perform(LiveCutter(tempo()), 9.0, first=9.0)
    assert shot.start == 0.0


def test_live_shots_of_even_sound_are_cut_on_the_first_beat_after_five_seconds() -> None:
    assert starts(perform(LiveCutter(tempo()), 17.0)) == [0.0, 5.0, 10.0, 15.0]
    assert starts(perform(LiveCutter(tempo(0.9)), 12.0)) == pytest.approx([0.0, 5.4, 10.8])
    assert starts(perform(LiveCutter(tempo(), CutRule(live_any_beat_s=3.0)), 7.0)) == [0.0, 3.0, 6.0]


def test_without_a_beat_a_live_shot_lasts_six_seconds() -> None:
    assert starts(perform(LiveCutter(Tempo()), 20.0)) == [0.0, 6.0, 12.0, 18.0]


def test_a_change_is_cut_on_the_next_beat_and_is_the_content_of_the_shot() -> None:
    shots = perform(LiveCutter(tempo()), 14.0, change_at=8.0)
    assert starts(shots) == [0.0, 5.0, 8.5, 13.5]
    assert shots[2].probabilities["crash"] == pytest.approx(0.9)
    assert starts(perform(LiveCutter(Tempo()), 9.5, change_at=8.0)) == [0.0, 6.0], "without a beat it is not"


@pytest.mark.parametrize(("crash", "expected"), [(0.91, [0.0, 3.25]), (0.89, [0.0])])
def test_live_a_change_of_three_tenths_is_enough(crash: float, expected: list[float]) -> None:
    cutter = LiveCutter(tempo(0.25))
    shots = [cutter.push(window(number * HOP, crash=crash * (number >= 10))) for number in range(13)]
    assert [shot.start for shot in shots if shot] == expected


def test_live_no_shot_is_shorter_than_two_seconds_and_none_begins_between_two_windows_twice() -> None:
    cutter = LiveCutter(tempo(0.25))
    shots = [cutter.push(window(number * HOP, lufs=-40.0 + 30 * (number // 4 % 2))) for number in range(60)]
    lengths = [later - earlier for earlier, later in itertools.pairwise(starts([shot for shot in shots if shot]))]
    assert min(lengths) == 2.0


def test_a_live_shot_holds_the_latest_two_seconds_or_what_has_just_changed() -> None:
    cutter = LiveCutter(tempo())
    for number in range(16):
        shot = cutter.push(window(number * HOP, crash=0.01 * number))
    cutter.request_cut()
    shot = cutter.push(window(4.0, crash=0.16))
    assert shot and shot.probabilities["crash"] == pytest.approx((0.16 + 0.15 + 0.14) / 3), "of 2.8 to 5 s the better"
    cutter.request_cut()
    shot = cutter.push(window(4.25, crash=0.17, lufs=0.0))
    assert shot and shot.probabilities["crash"] == pytest.approx(0.17), "of 3.95 to 5.25 s"
    assert shot.lufs == 0.0


def test_a_cut_that_is_requested_falls_on_the_end_of_the_next_window() -> None:
    cutter = LiveCutter(tempo())
    perform(cutter, 2.0)
    cutter.request_cut()
    shot = cutter.push(window(1.25))
    assert shot and shot.start == 2.25
    assert cutter.push(window(1.5)) is None, "one only"


def test_on_hold_a_shot_is_cut_on_request_only() -> None:
    cutter = LiveCutter(tempo())
    perform(cutter, 2.0)
    cutter.hold = True
    assert not perform(cutter, 30.0, first=2.25)
    cutter.request_cut()
    assert starts(perform(cutter, 31.0, first=30.25)) == [30.25]
    cutter.hold = False
    assert starts(perform(cutter, 36.0, first=31.25)) == [35.0]


def test_a_word_is_in_one_shot_only_also_if_it_was_sung_long_before() -> None:
    cutter = LiveCutter(Tempo())
    shots = []
    for number in range(120):
        analysis = window(number * HOP)
        if shot := cutter.push(
            with_word(analysis, f"w{number}", number * HOP) if number in (0, 1, 10, 24) else analysis
        ):
            shots.append([word.text for word in shot.words])
    assert shots[:3] == [["w0"], ["w1", "w10"], ["w24"]]
    assert not any(shots[3:])


def test_on_hold_words_are_kept_for_twelve_seconds() -> None:
    cutter = LiveCutter(Tempo())
    cutter.push(window(0))
    cutter.hold = True
    for number in range(1, 60):
        cutter.push(with_word(window(number * HOP), str(number), number * HOP))
    cutter.request_cut()
    shot = cutter.push(window(15.0))
    assert shot and [int(word.text) for word in shot.words] == list(range(13, 60))
