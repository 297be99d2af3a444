"""A show without end keeps the shots that may still be shown, and only those."""

import pytest

from engine.generators.base import Level
from engine.schedule.selector import Cutter
from engine.schedule.state import Board, Shot, Task


def shot(number: int) -> Shot:
    return Shot(2.0 * number, 2.0 * number + 2, f"section {number % 5}", f"key {number}")


def test_shots_that_have_no_clip_are_let_go_and_numbers_stay() -> None:
    board = Board((Level("", 1.0),))
    for number in range(1000):
        board.know(shot(number))
        if number == 100:
            board.finish(Task(100, 0, 2.0), None)
        if number == 200:
            board.begin(Task(200, 0, 2.0), 400.0)
        if number == 300:
            board.fail(Task(300, 0, 2.0))
        board.forget_past(50)
    assert len(board.shots) == 1000
    assert [number for number in range(1000) if _kept(board, number)] == [100, 200, *range(950, 1000)]
    assert board.shots[100] == shot(100) and board.shots[-1] == shot(999)
    assert (board.index_at(1990.0), board.index_at(1e9), board.failed) == (995, 999, set())
    assert board.of_section(955) == [100, 200, *range(950, 1000, 5)]
    assert board.usual_seconds() == pytest.approx(2.0)
    board.finish(Task(200, 0, 2.0), None)
    assert board.clips == {100: 2.0, 200: 2.0}
    board.forget(100)
    board.forget_past(50)
    assert not _kept(board, 100) and _kept(board, 200)


def _kept(board: Board, number: int) -> bool:
    try:
        board.shots[number]
    except KeyError:
        return False
    return True


def test_before_anything_is_let_go_any_time_has_its_shot() -> None:
    board = Board((Level("", 1.0),))
    for number in range(10):
        board.know(shot(number))
    assert [board.index_at(time) for time in (-1.0, 0.0, 2.5, 100.0)] == [0, 0, 1, 9]


def test_what_was_shown_is_remembered_as_long_as_its_clip() -> None:
    board = Board((Level("", 1.0),))
    cutter = Cutter(board, live=True)
    for number in range(3000):
        board.know(shot(number))
        board.finish(Task(number, 0, 2.0), None)
        span = cutter.at(2.0 * number + 0.1)
        assert span and span.shot == number
        if number >= 100:
            board.forget(number - 100)
        board.forget_past(50)
    assert len(cutter._shown) < 1100
    assert len(board.clips) == 100
