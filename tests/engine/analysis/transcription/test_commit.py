"""Words are committed once, in order, when two hypotheses agree or they are old enough."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.transcription.commit import CommitPolicy, normalize
from engine.analysis.transcription.types import Word

YOUNGEST_S, OLD_S = 0.4, 1.6
TEXTS = st.lists(st.sampled_from(["my", "heart", "oh", "hold", "love", "the"]), max_size=12)


def timed(texts: list[str], start_s: float = 0.0) -> list[Word]:
    return [Word(text, start_s + i * 0.5, start_s + i * 0.5 + 0.4, 0.9) for i, text in enumerate(texts)]


def texts_of(words: list[Word]) -> list[str]:
    return [word.text for word in words]


def test_a_word_is_certain_when_two_hypotheses_agree() -> None:
    policy = CommitPolicy(YOUNGEST_S, OLD_S)
    assert policy.insert(timed(["hold", "my", "hand"]), 2.0) == []
    assert texts_of(policy.insert(timed(["hold", "my", "heart"]), 2.0)) == ["hold", "my"]
    assert texts_of(policy.insert(timed(["hold", "my", "heart"]), 2.0)) == ["heart"]


def test_a_word_at_the_edge_of_the_audio_waits() -> None:
    policy = CommitPolicy(YOUNGEST_S, OLD_S)
    hypothesis = timed(["oh", "my"])
    policy.insert(hypothesis, 0.9)
    assert texts_of(policy.insert(hypothesis, 0.9 + YOUNGEST_S / 2)) == ["oh"]
    assert texts_of(policy.insert(hypothesis, 0.9 + YOUNGEST_S)) == ["my"]


def test_an_old_word_is_taken_without_agreement() -> None:
    policy = CommitPolicy(YOUNGEST_S, OLD_S)
    assert texts_of(policy.insert(timed(["oh", "my"]), 0.41 + OLD_S)) == ["oh"]


def test_case_and_punctuation_do_not_count() -> None:
    policy = CommitPolicy(YOUNGEST_S, OLD_S)
    policy.insert(timed(["Oh,", "heart!"]), 1.5)
    assert texts_of(policy.insert(timed(["oh", "Heart"]), 1.5)) == ["oh", "Heart"]


def test_committed_words_are_not_committed_again_when_they_drift() -> None:
    policy = CommitPolicy(YOUNGEST_S, OLD_S)
    for _ in range(2):
        policy.insert(timed(["oh", "my", "heart"]), 2.0)
    drifted = timed(["my", "heart", "sings"], start_s=0.85)
    assert policy.insert(drifted, 3.0) == []
    assert texts_of(policy.insert(drifted, 3.0)) == ["sings"]


def test_a_repeated_word_is_committed_as_often_as_it_is_sung() -> None:
    policy = CommitPolicy(YOUNGEST_S, OLD_S)
    words = timed(["heart", "heart", "heart"])
    sung: list[Word] = []
    for now_s in (0.7, 1.2, 1.7, 2.2):
        sung += policy.insert([word for word in words if word.end < now_s], now_s)
    assert texts_of(sung) == ["heart", "heart", "heart"]


def test_words_without_length_are_dropped() -> None:
    assert (
        CommitPolicy(YOUNGEST_S, OLD_S).flush([Word("no", 1.0, 1.0, 0.9), Word("yes", 1.0, 1.5, 0.9)], 2.0)[0].text
        == "yes"
    )


@given(TEXTS, st.integers(1, 4))
def test_growing_audio_commits_the_lyric_once_in_order(texts: list[str], step: int) -> None:
    policy = CommitPolicy(YOUNGEST_S, OLD_S)
    words = timed(texts)
    sung: list[Word] = []
    for known in range(0, len(words) + 1, step):
        sung += policy.insert(words[:known], 0.5 * known)
    sung += policy.flush(words, 0.5 * len(words))
    assert texts_of(sung) == texts


@given(st.lists(st.tuples(TEXTS, st.floats(0.0, 3.0)), max_size=12))
def test_words_are_committed_in_order_and_after_they_were_sung(
    hypotheses: list[tuple[list[str], float]],
) -> None:
    policy = CommitPolicy(YOUNGEST_S, OLD_S)
    sung: list[Word] = []
    now_s = 0.0
    for texts, start_s in hypotheses:
        now_s += 0.7
        sung += policy.insert(timed(texts, start_s), now_s)
    assert all(a.start <= b.start and a.end < b.end for a, b in pairwise(sung))
    assert all(word.committed is not None and word.end <= word.committed for word in sung)


@given(st.text(max_size=12))
def test_normalizing_twice_changes_nothing(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


def test_a_word_that_moves_on_is_committed_once_and_one_that_is_sung_twice_twice() -> None:
    policy = CommitPolicy(YOUNGEST_S, OLD_S)
    assert texts_of(policy.insert([Word("a", 0.0, 0.2, 0.9), Word("star", 0.3, 0.6, 0.9)], 2.5)) == ["a", "star"]
    assert policy.insert([Word("northern", 0.2, 0.6, 0.1), Word("star", 1.2, 1.6, 0.9)], 4.0) == []
    again = CommitPolicy(YOUNGEST_S, OLD_S)
    for _ in range(2):
        committed = again.insert(timed(["star", "star"]), 1.5)
    assert texts_of(committed) == ["star", "star"]


def test_a_word_that_one_hypothesis_repeats_a_little_later_is_an_echo() -> None:
    policy = CommitPolicy(YOUNGEST_S, OLD_S)
    once = [Word("heart", 1.0, 1.4, 0.9)]
    assert policy.insert(once, 4.0)
    echo = [*once, Word("heart", 1.6, 2.0, 0.9)]
    assert policy.insert(echo, 4.5) == []
    assert len(policy.insert(echo, 5.0)) == 1, "two hypotheses agree: it is sung twice"


def test_when_the_singing_stops_an_unlikely_last_word_is_left_out() -> None:
    policy = CommitPolicy(YOUNGEST_S, OLD_S)
    policy.insert(timed(["oh"]), 0.5)
    last = [*timed(["oh"]), Word("you", 0.6, 0.9, 0.4), Word("heart", 1.0, 1.4, 0.8)]
    assert texts_of(policy.flush(last, 3.0)) == ["oh", "heart"]
