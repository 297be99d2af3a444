"""What the scheduler knows: the shots so far, the clips that exist, the clips being rendered, the measured speed.

All times are seconds of the song. Nothing here waits, draws or reads a clock.
"""

import bisect
import statistics
from collections import deque
from collections.abc import Iterator
from typing import Self

import msgspec

from engine.generators.base import Level

_MEASURED = 5  # renderings whose median is the speed: a single stall does not change the plan
_RECENT_SHOTS = 8  # whose mean length is the usual one


class PlannedShot(msgspec.Struct, frozen=True):
    """A span of the song with one prompt. Equal keys share a clip; equal sections may stand in for each other."""

    start: float
    end: float
    section: str
    key: str

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


class RenderTask(msgspec.Struct, frozen=True):
    """A clip to render: for which shot and at which level (by index), how long in s."""

    shot: int
    level: int
    seconds: float


class RenderTime(msgspec.Struct, frozen=True):
    """Seconds that a rendering occupied its worker, and seconds from then until its clip was ready."""

    worker_busy_s: float
    tail_s: float = 0.0

    @classmethod
    def overlapped(cls, first_s: float, last_s: float) -> Self:
        """A rendering whose final stage overlapped the first of the next one: the longer of the two sets the pace."""
        return cls(max(first_s, last_s), min(first_s, last_s))


class RenderSpeed:
    """Real-time factors of rendering at the best level, measured; `guess` stands in until the first measurement."""

    def __init__(self, guess: float) -> None:
        self.is_measured = False
        self._times: deque[RenderTime] = deque([RenderTime(guess)], maxlen=_MEASURED)

    def measure(self, work: float, time: RenderTime) -> None:
        """`work` seconds of clip, times the level's work, were rendered in `time`."""
        if not self.is_measured:
            self._times.clear()
            self.is_measured = True
        self._times.append(RenderTime(time.worker_busy_s / work, time.tail_s / work))

    @property
    def busy_factor(self) -> float:
        """Seconds that a second of clip occupies a worker."""
        return statistics.median(time.worker_busy_s for time in self._times)

    @property
    def tail_factor(self) -> float:
        """Seconds for which a second of clip is still being finished while its worker renders the next."""
        return statistics.median(time.tail_s for time in self._times)


class ShotTable:
    """Shots in order, numbered from 0. `len` counts forgotten ones too, so numbers never change."""

    def __init__(self) -> None:
        self._shots: dict[int, PlannedShot] = {}
        self._count = 0
        self._starts: list[float] = []  # of the latest shots
        self._first = 0  # the number of the first of them

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> PlannedShot:
        return self._shots[number if number >= 0 else self._count + number]

    def append(self, shot: PlannedShot) -> None:
        """Add the next shot."""
        self._shots[self._count] = shot
        self._starts.append(shot.start)
        self._count += 1

    def forget(self, number: int) -> None:
        """Remove a shot that will not be read again."""
        self._shots.pop(number, None)

    def kept_before(self, number: int) -> Iterator[int]:
        """The shots before `number` that were not forgotten; times before it are not looked up again."""
        drop = min(number, self._count) - self._first
        if drop > 0:
            del self._starts[:drop]
            self._first += drop
        return iter([each for each in self._shots if each < number])

    def at(self, time: float) -> int:
        """The shot at `time`; the first one kept before it, the last one known after it."""
        return max(0, self._first + bisect.bisect_right(self._starts, time + 1e-9) - 1)


class ScheduleState:
    """Shots, clips and render speed of one show."""

    def __init__(self, levels: tuple[Level, ...], guess: float = 2.0) -> None:
        """`levels` of the generator, best first; `guess` is the real-time factor until one is measured."""
        self.levels = levels
        self.speed = RenderSpeed(guess)
        self.shots = ShotTable()
        self.clips: dict[int, float] = {}  # length of each shot's clip, s
        self.expected: dict[int, float] = {}  # when each clip being rendered should be ready
        self.last_shown: dict[int, float] = {}  # when each shot's clip was last put on screen
        self.failed: set[int] = set()  # shots whose clip cannot be rendered
        self.version = 0  # changes with every new clip
        self._same_key: dict[str, list[int]] = {}
        self._same_section: dict[str, list[int]] = {}

    def add_shot(self, shot: PlannedShot) -> None:
        """Append the next shot; it shares the clip of an earlier shot with the same key."""
        index = len(self.shots)
        self.shots.append(shot)
        alike = self._same_key.setdefault(shot.key, [])
        if (twin := next((each for each in alike if each in self.clips), None)) is not None:
            self.clips[index] = self.clips[twin]
        alike.append(index)
        self._same_section.setdefault(shot.section, []).append(index)

    def start(self, task: RenderTask, now: float) -> None:
        """A worker starts to render `task` at `now`."""
        for index in self.same_key(task.shot):
            self.expected[index] = now + self.seconds_until_ready(task.seconds, task.level)

    def finish(self, task: RenderTask, time: RenderTime | None) -> None:
        """The clip is ready, rendered in `time`; None if it was in the cache."""
        if time:
            self.speed.measure(task.seconds * self.levels[task.level].work, time)
        for index in self.same_key(task.shot):
            self.expected.pop(index, None)
            self.clips[index] = task.seconds
        self.version += 1

    def cancel(self, task: RenderTask) -> None:
        """The rendering ended without a clip: its worker died, or it was cancelled."""
        for index in self.same_key(task.shot):
            self.expected.pop(index, None)

    def fail(self, task: RenderTask) -> None:
        """The clip cannot be rendered; it is not tried again."""
        self.cancel(task)
        self.failed.update(self.same_key(task.shot))

    def forget_clip(self, shot: int) -> None:
        """The clip of a past shot is not shown again, and the shot no longer stands for others."""
        self.clips.pop(shot, None)
        self.last_shown.pop(shot, None)
        self.failed.discard(shot)
        past = self.shots[shot]
        for index, name in ((self._same_key, past.key), (self._same_section, past.section)):
            if shot in index.get(name, ()):
                index[name].remove(shot)
                if not index[name]:
                    del index[name]

    def forget_shots(self, keep: int) -> None:
        """Forget the shots before the latest `keep` that have no clip and expect none, for a show without end."""
        for shot in self.shots.kept_before(len(self.shots) - keep):
            if shot not in self.clips and shot not in self.expected:
                self.forget_clip(shot)
                self.shots.forget(shot)

    def mean_shot_seconds(self) -> float:
        """The mean length of the latest shots."""
        recent = range(max(0, len(self.shots) - _RECENT_SHOTS), len(self.shots))
        return sum(self.shots[index].seconds for index in recent) / len(recent)

    def is_settled(self, shot: int) -> bool:
        """Whether the shot needs no rendering: its clip exists, is being rendered, or cannot be rendered."""
        return shot in self.clips or shot in self.expected or shot in self.failed

    def has_clip(self, key: str) -> bool:
        """Whether a shot with this key has a clip."""
        return any(shot in self.clips for shot in self._same_key.get(key, ()))

    def same_key(self, shot: int) -> list[int]:
        """All shots that share this one's clip, itself among them."""
        return self._same_key[self.shots[shot].key]

    def same_section(self, shot: int) -> list[int]:
        """All shots of this one's section and of its repeats."""
        return self._same_section[self.shots[shot].section]

    def has_section_clip(self, shot: int) -> bool:
        """Whether the shot's section has a clip, or one being rendered."""
        return any(other in self.clips or other in self.expected for other in self.same_section(shot))

    def worker_seconds(self, seconds: float, level: int) -> float:
        """How long a clip of that length at that level occupies a worker."""
        return seconds * self.levels[level].work * self.speed.busy_factor

    def seconds_until_ready(self, seconds: float, level: int) -> float:
        """How long it takes from the start of its rendering until it is ready."""
        return seconds * self.levels[level].work * (self.speed.busy_factor + self.speed.tail_factor)
