"""Where a whole song is read: stretches with a voice, the long ones parted; words of a length that is sung."""

from itertools import pairwise

from engine.listen.words_decoder import whole_words
from engine.listen.words_file import LONGEST_STRETCH_S, sung_stretches


def test_a_long_stretch_is_parted_where_its_voice_is_weakest() -> None:
    asked: list[float] = []

    def voice(start_s: float, end_s: float) -> float:
        asked.append(end_s)
        return 0.6 if start_s == 47.0 else 0.9

    stretches = sung_stretches(voice, 240.0)
    assert next(stretches) == (0.0, 47.0)
    assert max(asked) <= LONGEST_STRETCH_S + 1.0  # not the whole song was asked for before the first words
    rest = list(stretches)
    assert all(before[1] == after[0] for before, after in pairwise([(0.0, 47.0), *rest]))
    assert rest[-1][1] == 240.0
    assert all(end - start <= LONGEST_STRETCH_S + 0.5 for start, end in rest)


def test_only_what_is_sung_is_read() -> None:
    stretches = [s for s in sung_stretches(lambda start, end: 0.9 if 20 <= start < 30 else 0.1, 60.0) if s[1] > s[0]]
    assert len(stretches) == 1
    assert 18 <= stretches[0][0] <= 20
    assert 30 <= stretches[0][1] <= 33


def test_a_first_word_does_not_reach_back_over_a_rest_nor_a_last_one_over_the_next() -> None:
    pieces = [
        (" my", 19.9, 24.6, 0.9),
        (" heart", 24.7, 29.0, 0.9),
        (" sings", 35.0, 39.0, 0.9),
        (" on", 39.1, 39.4, 0.9),
    ]
    first, second, after_rest, last = whole_words(pieces, "en")
    assert (first.start, first.end) == (23.6, 24.6)
    assert (second.start, second.end) == (24.7, 27.1)
    assert (after_rest.start, after_rest.end) == (38.0, 39.0)
    assert (last.start, last.end) == (39.1, 39.4)
