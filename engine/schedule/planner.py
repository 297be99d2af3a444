"""What to render next, so that what is shown is made for what is heard: arithmetic on the measured speed.

Ahead of playback (the song's future is known) a free worker gets the next shot that can still be in time, at the best
level that keeps the lead, provided that every section to come can still have a clip of its own before it starts.
Where speed does not suffice for every shot, shots are left out, and the clip before is stretched over them
(`engine.schedule.selector`); where it does not suffice for that, each section still has its one clip.

Live, the newest prompt wins: a free worker gets the shot that is heard now, as long and as good a clip as it can make
within about one shot's time; what is older is never begun, and given up where it has hardly begun.
"""

from collections.abc import Iterable, Iterator

from engine.schedule.state import Board, Task

LONGEST_S, SHORTEST_S = 6.0, 1.125  # of a clip: 49 and 9 frames at 8 a second
LENGTHS_S = (6.0, 4.0, 2.125, SHORTEST_S)  # live
STRETCH = 2.0  # a clip may last so many times its length
LEAD_S = 12.0  # kept between the end of rendering and the start of showing
MARGIN_S = 8.0  # by which a section's first clip should be early, for stalls
HORIZON_S = 180.0  # of the song to come that is planned
_HARDLY = 0.25  # of a rendering: one that has come no further is given up for a newer prompt
_LATE_SHARE = 0.25  # of a shot may have passed when its clip comes


class Plan:
    """Chooses tasks for `workers` equal workers."""

    def __init__(self, board: Board, live: bool, workers: int = 1) -> None:
        self._board = board
        self._live = live
        self._workers = workers

    def next(self, now: float) -> Task | None:
        """What a worker that is free at `now` (s of the song) should render; None if there is nothing to do."""
        if not self._board.shots:
            return None
        return self._next_live(now) if self._live else self._next_ahead(now)

    def superseded(self, underway: Iterable[tuple[Task, float]], now: float) -> Task | None:
        """The task that a busy worker should give up for the newest shot, live; each comes with when it was begun.

        Shots are longer than the part of a rendering that may be thrown away so, so every worker comes to its end.
        """
        board = self._board
        newest = len(board.shots) - 1
        if not self._live or newest < 0:
            return None
        if newest in board.clips or newest in board.expected or newest in board.failed:
            return None
        latest = max(underway, key=lambda each: each[1], default=None)
        if latest is None:
            return None
        task, begun = latest
        return task if now - begun < _HARDLY * board.seconds_to_render(task.seconds, task.level) else None

    def _next_live(self, now: float) -> Task | None:
        board = self._board
        newest = len(board.shots) - 1
        if newest in board.clips or newest in board.expected or newest in board.failed:
            return None
        budget = board.usual_seconds()
        if not board.speed.known:
            return Task(newest, len(board.levels) - 1, SHORTEST_S)
        for level in range(len(board.levels)):
            for seconds in LENGTHS_S:
                in_time = board.seconds_until_there(seconds, level) <= budget
                if in_time and board.seconds_to_render(seconds, level) <= STRETCH * seconds:
                    return Task(newest, level, seconds)
        return Task(newest, len(board.levels) - 1, SHORTEST_S)

    def _next_ahead(self, now: float) -> Task | None:
        board = self._board
        cheapest = len(board.levels) - 1
        open_sections = list(self._uncovered(now))
        for index in self._missing(now):
            shot = board.shots[index]
            seconds = min(shot.seconds, LONGEST_S)
            if not board.speed.known:
                return Task(index, cheapest, max(SHORTEST_S, min(seconds, LONGEST_S / 2)))
            if not board.clips and not board.expected:  # the show waits for its first clip, however long it takes
                return Task(index, self._level(shot.start - now), seconds)
            latest = shot.start + _LATE_SHARE * shot.seconds
            for level in range(self._level(shot.start - now), cheapest + 1):
                free = now + board.seconds_to_render(seconds, level)
                in_time = now + board.seconds_until_there(seconds, level) <= latest
                if in_time and self._leaves_room(index, free, open_sections):
                    return Task(index, level, seconds)
        return self._last_resort(now, open_sections)

    def _last_resort(self, now: float, open_sections: list[int]) -> Task | None:
        """Nothing can be in time as it should be: the soonest section without a clip gets a short one."""
        board = self._board
        cheapest = len(board.levels) - 1
        for index in open_sections:
            ends = max(board.shots[other].end for other in self._run(index))
            for seconds in (min(board.shots[index].seconds, LONGEST_S), SHORTEST_S):
                if now + board.seconds_until_there(seconds, cheapest) <= board.shots[index].start:
                    return Task(index, cheapest, seconds)
            if now + board.seconds_until_there(SHORTEST_S, cheapest) < ends - 1.0:
                return Task(index, cheapest, SHORTEST_S)
        return None

    def _missing(self, now: float) -> Iterator[int]:
        """Shots to come, or just begun, that have no clip and none on the way."""
        board = self._board
        for index in range(board.index_at(now), len(board.shots)):
            if board.shots[index].start > now + HORIZON_S:
                return
            if index not in board.clips and index not in board.expected and index not in board.failed:
                yield index

    def _uncovered(self, now: float) -> Iterator[int]:
        """The first shot of each section to come that has no clip and none on the way."""
        board = self._board
        seen: set[str] = set()
        for index in self._missing(now):
            section = board.shots[index].section
            if section not in seen:
                seen.add(section)
                if not board.is_covered(index):
                    yield index

    def _run(self, index: int) -> Iterator[int]:
        """The shots of this occurrence of the section, from `index` on."""
        board = self._board
        for other in range(index, len(board.shots)):
            if board.shots[other].section != board.shots[index].section:
                return
            yield other

    def _leaves_room(self, index: int, free: float, open_sections: list[int]) -> bool:
        """Whether each other section without a clip can still get one in good time by a worker that is then `free`."""
        board = self._board
        cheapest = len(board.levels) - 1
        for other in open_sections:
            if board.shots[other].section != board.shots[index].section:
                length = min(board.shots[other].seconds, LONGEST_S)
                keeps = board.seconds_to_render(length, cheapest)
                free += keeps / self._workers
                there = free + board.seconds_until_there(length, cheapest) - keeps
                margin = MARGIN_S if board.shots[other].start > board.shots[index].start else 0.0
                if there > board.shots[other].start - margin:
                    return False
        return True

    def _level(self, lead: float) -> int:
        """The best level that keeps the lead: dearer ones as the lead grows."""
        board = self._board
        allowed = (0.7 + 0.3 * lead / LEAD_S) * self._workers
        for index, level in enumerate(board.levels):
            if level.work * board.speed.factor <= allowed:
                return index
        return len(board.levels) - 1
