"""A doubtful word of a line that returns is replaced by the surer one; another verse stays."""

from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.transcription.repetition import RepetitionRepair
from engine.analysis.transcription.types import Word, text_of


def line(text: str, at_s: float = 0.0, doubtful: tuple[str, ...] = (), confidence: float = 0.9) -> list[Word]:
    return [
        Word(word, at_s + i * 0.5, at_s + i * 0.5 + 0.4, 0.3 if word in doubtful else confidence)
        for i, word in enumerate(text.split())
    ]


def remembering(text: str, confidence: float = 0.9) -> RepetitionRepair:
    repetition = RepetitionRepair()
    repetition.remember(line(text, confidence=confidence))
    return repetition


def test_a_doubtful_word_is_replaced_by_that_of_the_line_before() -> None:
    again = line("hold on to my hurt tonight love", at_s=60.0, doubtful=("hurt",))
    repaired = remembering("oh hold on to my heart tonight love").repair(again)
    assert text_of(repaired) == "hold on to my heart tonight love"
    assert (repaired[4].start, repaired[4].end) == (again[4].start, again[4].end)
    assert repaired[:4] + repaired[5:] == again[:4] + again[5:]


def test_words_that_take_the_place_of_others_share_their_time() -> None:
    again = line("hold on to my wholesome tonight love", at_s=60.0, doubtful=("wholesome",))
    repaired = remembering("hold on to my whole soul tonight love").repair(again)
    assert text_of(repaired) == "hold on to my whole soul tonight love"
    assert [word.start for word in repaired] == sorted(word.start for word in repaired)
    assert repaired[5].end == again[4].end


def test_another_verse_that_is_sure_stays() -> None:
    again = line("monkey like to eat fritos and drink", at_s=60.0)
    assert remembering("monkey like to eat pizza and drink").repair(again) == again


def test_another_verse_that_is_doubtful_stays_where_it_sounds_otherwise() -> None:
    again = line("monkey like to eat fritos and drink", at_s=60.0, doubtful=("fritos",))
    assert remembering("monkey like to eat pizza and drink").repair(again) == again


def test_a_reading_that_was_no_surer_mends_nothing() -> None:
    again = line("hold on to my hurt tonight love", at_s=60.0, doubtful=("hurt",))
    assert remembering("hold on to my heart tonight love", confidence=0.4).repair(again) == again


def test_one_word_in_common_on_a_side_is_not_the_same_line() -> None:
    again = line("to my hurt tonight", at_s=60.0, doubtful=("hurt",))
    assert remembering("to my heart tonight").repair(again) == again


WORDS = st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0.0, 1.0)), max_size=16)


@given(st.lists(WORDS, max_size=4))
def test_repaired_lines_stay_in_order_and_within_their_time(lines: list[list[tuple[str, float]]]) -> None:
    repetition = RepetitionRepair()
    for number, texts in enumerate(lines):
        sung = [Word(text, 20.0 * number + i, 20.0 * number + i + 0.9, sure) for i, (text, sure) in enumerate(texts)]
        repaired = repetition.repair(sung)
        assert [word.start for word in repaired] == sorted(word.start for word in repaired)
        assert all(20.0 * number <= word.start < word.end <= 20.0 * number + 17 for word in repaired)
        repetition.remember(repaired)
