"""What to render next, from the measured speed, so that each shot shows a clip of its own.

Ahead of playback (the song's future is known) a free worker gets the next shot that can still be in time, at the best
level that keeps the lead, provided that every section to come can still have a clip of its own before it starts.
Where speed does not suffice for every shot, shots are left out, and the clip before is stretched over them
(`engine.schedule.selector`); where it does not suffice for that, each section still has its one clip.

Live, the newest prompt wins: a free worker gets the shot that is playing now, with the longest and best clip it can
render within about one shot's time; older shots are never begun, and cancelled if their rendering has hardly begun.
"""

from collections.abc import Iterable, Iterator

from engine.schedule.state import RenderTask, ScheduleState
from engine.types import LONGEST_CLIP_S

SHORTEST_S = 1.125  # of a clip: 9 frames at 8 a second
LIVE_LENGTHS_S = (LONGEST_CLIP_S, 4.0, 2.125, SHORTEST_S)
STRETCH = 2.0  # a clip may last so many times its length
LEAD_S = 12.0  # kept between the end of rendering and the start of showing
MARGIN_S = 8.0  # by which a section's first clip should be early, for stalls
HORIZON_S = 180.0  # of the song to come that is planned
_CANCEL_SHARE = 0.25  # of a rendering: up to here it is cancelled for a newer prompt
_LATE_SHARE = 0.25  # of a shot that may have passed when its clip is ready
_USEFUL_S = 1.0  # of a section that must remain for its first clip to be worth rendering


class Planner:
    """Chooses tasks for `workers` equal workers."""

    def __init__(self, state: ScheduleState, live: bool, workers: int = 1) -> None:
        self._state = state
        self._live = live
        self._workers = workers
        self._cheapest = len(state.levels) - 1

    def next(self, now: float) -> RenderTask | None:
        """What a worker that is free at `now` (s of the song) should render; None if there is nothing to do."""
        if not self._state.shots:
            return None
        return self._next_live() if self._live else self._next_ahead(now)

    def superseded(self, in_progress: Iterable[tuple[RenderTask, float]], now: float) -> RenderTask | None:
        """Live, the task to cancel for the newest shot, if any; each task comes with the time of its start.

        Shots are longer than the part of a rendering that may be thrown away, so every worker finishes some clips.
        """
        state = self._state
        newest = len(state.shots) - 1
        if not self._live or newest < 0 or state.is_settled(newest):
            return None
        if (latest := max(in_progress, key=lambda each: each[1], default=None)) is None:
            return None
        task, started = latest
        return task if now - started < _CANCEL_SHARE * state.worker_seconds(task.seconds, task.level) else None

    def _next_live(self) -> RenderTask | None:
        state = self._state
        newest = len(state.shots) - 1
        if state.is_settled(newest):
            return None
        if state.speed.is_measured:
            budget = state.mean_shot_seconds()
            for level in range(len(state.levels)):
                for seconds in LIVE_LENGTHS_S:
                    in_time = state.seconds_until_ready(seconds, level) <= budget
                    if in_time and state.worker_seconds(seconds, level) <= STRETCH * seconds:
                        return RenderTask(newest, level, seconds)
        return RenderTask(newest, self._cheapest, SHORTEST_S)

    def _next_ahead(self, now: float) -> RenderTask | None:
        state = self._state
        open_sections = list(self._sections_without_clip(now))
        for index in self._shots_without_clip(now):
            shot = state.shots[index]
            seconds = min(shot.seconds, LONGEST_CLIP_S)
            if not state.speed.is_measured:
                return RenderTask(index, self._cheapest, max(SHORTEST_S, min(seconds, LONGEST_CLIP_S / 2)))
            if not state.clips and not state.expected:  # the show waits for its first clip, however long it takes
                return RenderTask(index, self._level(shot.start - now), seconds)
            latest = shot.start + _LATE_SHARE * shot.seconds
            for level in range(self._level(shot.start - now), self._cheapest + 1):
                free = now + state.worker_seconds(seconds, level)
                in_time = now + state.seconds_until_ready(seconds, level) <= latest
                if in_time and self._leaves_room(index, free, open_sections):
                    return RenderTask(index, level, seconds)
        return self._last_resort(now, open_sections)

    def _last_resort(self, now: float, open_sections: list[int]) -> RenderTask | None:
        """Nothing can be in time as it should be: the soonest section without a clip gets a short one."""
        state = self._state
        for index in open_sections:
            end = max(state.shots[other].end for other in self._rest_of_section(index))
            for seconds in (min(state.shots[index].seconds, LONGEST_CLIP_S), SHORTEST_S):
                if now + state.seconds_until_ready(seconds, self._cheapest) <= state.shots[index].start:
                    return RenderTask(index, self._cheapest, seconds)
            if now + state.seconds_until_ready(SHORTEST_S, self._cheapest) < end - _USEFUL_S:
                return RenderTask(index, self._cheapest, SHORTEST_S)
        return None

    def _shots_without_clip(self, now: float) -> Iterator[int]:
        """Shots to come within the horizon, or just begun, that have no clip and none being rendered."""
        state = self._state
        for index in range(state.shots.at(now), len(state.shots)):
            if state.shots[index].start > now + HORIZON_S:
                return
            if not state.is_settled(index):
                yield index

    def _sections_without_clip(self, now: float) -> Iterator[int]:
        """The first shot of each section to come that has no clip and none being rendered."""
        state = self._state
        seen: set[str] = set()
        for index in self._shots_without_clip(now):
            section = state.shots[index].section
            if section not in seen:
                seen.add(section)
                if not state.has_section_clip(index):
                    yield index

    def _rest_of_section(self, index: int) -> Iterator[int]:
        """The shots of this occurrence of the section, from `index` on."""
        state = self._state
        for other in range(index, len(state.shots)):
            if state.shots[other].section != state.shots[index].section:
                return
            yield other

    def _leaves_room(self, index: int, free: float, open_sections: list[int]) -> bool:
        """Whether each other section without a clip can still get one in good time by a worker that is then `free`."""
        state = self._state
        for other in open_sections:
            if state.shots[other].section != state.shots[index].section:
                length = min(state.shots[other].seconds, LONGEST_CLIP_S)
                busy = state.worker_seconds(length, self._cheapest)
                free += busy / self._workers
                ready = free + state.seconds_until_ready(length, self._cheapest) - busy
                margin = MARGIN_S if state.shots[other].start > state.shots[index].start else 0.0
                if ready > state.shots[other].start - margin:
                    return False
        return True

    def _level(self, lead: float) -> int:
        """The best level that keeps the lead: dearer ones as the lead grows."""
        state = self._state
        allowed = (0.7 + 0.3 * lead / LEAD_S) * self._workers
        for index, level in enumerate(state.levels):
            if level.work * state.speed.busy_factor <= allowed:
                return index
        return self._cheapest
