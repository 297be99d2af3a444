"""The shots of a show by number; of a show without end, those that may still be shown."""

import bisect
from collections.abc import Iterator

import msgspec


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
