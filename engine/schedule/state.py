"""What the scheduler knows: the song's shots as far as heard, the clips that are there, those being made, how fast.

All times are seconds of the song. Nothing here waits, draws or asks a clock.

The shots of a show by number; of a show without end, those that may still be shown.
"""

import bisect
import statistics
from collections import deque
from collections.abc import Iterator
from typing import Self

import msgspec

from engine.generators.base import Level


class Shot(msgspec.Struct, frozen=True):
    """A span of the song with one prompt. Equal keys mean the same clip; equal sections may stand in for each other."""

    start: float
    end: float
    section: str
    key: str

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.end - self.start


class ShotTable:
    """Shots in their order, numbered from 0; `len` counts those that were let go, too."""

    def __init__(self) -> None:
        self._shots: dict[int, Shot] = {}
        self._count = 0
        self._starts: list[float] = []  # of the latest
        self._first = 0  # the number of the first of them

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> Shot:
        return self._shots[number if number >= 0 else self._count + number]

    def append(self, shot: Shot) -> None:
        """The next shot."""
        self._shots[self._count] = shot
        self._starts.append(shot.start)
        self._count += 1

    def forget(self, number: int) -> None:
        """Let a shot go; it is not asked for again."""
        self._shots.pop(number, None)

    def kept_before(self, number: int) -> Iterator[int]:
        """The shots before that one which were not let go; times before it are not asked for again."""
        drop = min(number, self._count) - self._first
        if drop > 0:
            del self._starts[:drop]
            self._first += drop
        return iter([each for each in self._shots if each < number])

    def at(self, time: float) -> int:
        """The shot at `time`; the first kept before it, the last known after it."""
        return max(0, self._first + bisect.bisect_right(self._starts, time + 1e-9) - 1)


__all__ = ["Board", "Level", "Shot", "Speed", "Task"]

_REMEMBERED = 5  # renderings that the measured speed is the median of: a single stall does not change the plan


class Task(msgspec.Struct, frozen=True):
    """A clip to render: for which shot, at which level, how long."""

    shot: int
    level: int
    seconds: float


class Took(msgspec.Struct, frozen=True):
    """Seconds for which a rendering `kept` its worker from others, and those `beyond` until the clip was there."""

    kept: float
    beyond: float = 0.0

    @classmethod
    def staged(cls, first: float, last: float) -> Self:
        """A rendering whose last stage ran beside the next one's first: the longer of the two sets the pace."""
        return cls(max(first, last), min(first, last))


class Speed:
    """How long rendering takes, from what it took: real-time factors at the best level.

    `guess` stands until the first clip has been measured.
    """

    def __init__(self, guess: float) -> None:
        self.known = False
        self._took: deque[Took] = deque([Took(guess)], maxlen=_REMEMBERED)

    def measure(self, work: float, took: Took) -> None:
        """What `work` seconds of clip (times the level's work) took."""
        if not self.known:
            self._took.clear()
            self.known = True
        self._took.append(Took(took.kept / work, took.beyond / work))

    @property
    def factor(self) -> float:
        """Seconds that a second of clip at the best level keeps a worker."""
        return statistics.median(took.kept for took in self._took)

    @property
    def beyond(self) -> float:
        """Seconds for which the clip is still being finished then, while its worker has begun another."""
        return statistics.median(took.beyond for took in self._took)


class Board:
    """Shots, clips and speed, as one table."""

    def __init__(self, levels: tuple[Level, ...], guess: float = 2.0) -> None:
        self.levels = levels
        self.speed = Speed(guess)
        self.shots = ShotTable()
        self.clips: dict[int, float] = {}  # length of the clip made for a shot
        self.expected: dict[int, float] = {}  # when the clip being made for a shot should be there
        self.failed: set[int] = set()  # shots whose clip cannot be made
        self.version = 0  # changes whenever a clip comes
        self._same_key: dict[str, list[int]] = {}
        self._in_section: dict[str, list[int]] = {}

    def know(self, shot: Shot) -> None:
        """The next shot has been heard."""
        index = len(self.shots)
        self.shots.append(shot)
        twins = self._same_key.setdefault(shot.key, [])
        for twin in twins:
            if twin in self.clips:
                self.clips[index] = self.clips[twin]
                break
        twins.append(index)
        self._in_section.setdefault(shot.section, []).append(index)

    def begin(self, task: Task, now: float) -> None:
        """A worker has taken `task`."""
        for twin in self.twins(task.shot):
            self.expected[twin] = now + self.seconds_until_there(task.seconds, task.level)

    def finish(self, task: Task, took: Took | None) -> None:
        """The clip of `task` is there, for its shot and all that want the same; None if it had been there already."""
        if took:
            self.speed.measure(task.seconds * self.levels[task.level].work, took)
        for twin in self.twins(task.shot):
            self.expected.pop(twin, None)
            self.clips[twin] = task.seconds
        self.version += 1

    def lose(self, task: Task) -> None:
        """The worker has died or been told to stop; the clip will not come from it."""
        for twin in self.twins(task.shot):
            self.expected.pop(twin, None)

    def forget(self, shot: int) -> None:
        """The clip of a shot long past is not to be shown again, nor is the shot anybody's twin any more."""
        self.clips.pop(shot, None)
        self.failed.discard(shot)
        past = self.shots[shot]
        for alike, name in ((self._same_key, past.key), (self._in_section, past.section)):
            if shot in alike.get(name, ()):
                alike[name].remove(shot)
                if not alike[name]:
                    del alike[name]

    def forget_past(self, keep: int) -> None:
        """Let go of the shots before the latest `keep` that have no clip and get none, for a show without end."""
        for shot in self.shots.kept_before(len(self.shots) - keep):
            if shot not in self.clips and shot not in self.expected:
                self.forget(shot)
                self.shots.forget(shot)

    def fail(self, task: Task) -> None:
        """The clip cannot be made; it is not tried again."""
        self.lose(task)
        self.failed.update(self.twins(task.shot))

    def index_at(self, time: float) -> int:
        """The shot at `time`; the first before the song, the last known after it."""
        return self.shots.at(time)

    def usual_seconds(self) -> float:
        """The mean length of the latest shots."""
        recent = range(max(0, len(self.shots) - 8), len(self.shots))
        return sum(self.shots[index].seconds for index in recent) / len(recent)

    def twins(self, index: int) -> list[int]:
        """All shots that want the same clip as this one, itself among them."""
        return self._same_key[self.shots[index].key]

    def of_section(self, index: int) -> list[int]:
        """All shots of the same section as this one, and of its repeats."""
        return self._in_section[self.shots[index].section]

    def is_covered(self, index: int) -> bool:
        """Whether the shot's section has a clip, or will have one."""
        return any(other in self.clips or other in self.expected for other in self.of_section(index))

    def seconds_to_render(self, seconds: float, level: int) -> float:
        """How long a clip of that length at that level keeps its worker from others."""
        return seconds * self.levels[level].work * self.speed.factor

    def seconds_until_there(self, seconds: float, level: int) -> float:
        """How long it takes from its beginning until it is there."""
        return seconds * self.levels[level].work * (self.speed.factor + self.speed.beyond)
