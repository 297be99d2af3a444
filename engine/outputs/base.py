"""An output beside the window: takes pictures and sound in a thread of its own, and never makes the show wait.

The seam between the player and whatever shows or keeps its pictures.
"""

import queue
import threading
import time
from collections.abc import Callable
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import AimvError
from engine.threads import lower_priority
from engine.types import Frame

_BACK = 5  # by which encoding steps back behind the picture on screen
_RETRY_S = (1.0, 2.0, 4.0, 8.0)

State = Literal["open", "lost", "failed"]


class Drain(Protocol):
    """Where pictures and sound go; used from one thread only."""

    name: str

    def picture(self, frame: Frame, t: float) -> None:
        """The picture of `t` s of the show."""
        ...

    def sound(self, samples: NDArray[np.float32], start: int) -> None:
        """Sound [n, channels] from sample `start` of the show on; there are no gaps."""
        ...

    def close(self) -> None:
        """Finish; what came is complete."""
        ...

    def give_up(self) -> None:
        """End without finishing, after an error."""
        ...


class Tap:
    """Feeds a drain made by `make` through a bounded queue; what finds no room is dropped and counted.

    A drain that fails is made anew after a while if `again`, else its output has ended: `state` is then "failed" and
    `why` says why. The show goes on in any case.
    """

    def __init__(self, make: Callable[[], Drain], waiting_s: float, fps: float, again: bool = False) -> None:
        """`waiting_s` of pictures may wait; the first drain is made here, and what it raises is raised."""
        self.dropped = 0  # pictures without room in the queue, or without an output that takes them
        self.silenced = 0  # blocks of sound without room in the queue
        self.written = 0  # pictures
        self.state: State = "open"
        self.why = ""
        self._make, self._again = make, again
        self._drain: Drain | None = make()
        self.name = self._drain.name
        self._room = threading.Semaphore(max(2, round(waiting_s * fps)))
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()  # bounded by `_room`
        self._sounds = threading.Semaphore(4096)
        self._retry_at, self._tries = 0.0, 0
        self._thread = threading.Thread(target=self._work, name=f"output {self.name}", daemon=True)
        self._thread.start()

    def picture(self, frame: Frame, t: float) -> None:
        """Hand over a copy of the picture of `t` s; never waits."""
        if not self._room.acquire(blocking=False):
            self.dropped += 1
            return
        kept = frame.copy()
        self._queue.put(lambda: self._picture(kept, t))

    def sound(self, samples: NDArray[np.float32], start: int) -> None:
        """Hand over sound; never waits, and the samples may not change afterwards."""
        if self._sounds.acquire(blocking=False):
            self._queue.put(lambda: self._sound(samples, start))
        else:
            self.silenced += 1

    def close(self) -> None:
        """Write what waits and finish. What failed on the way stands in `state` and `why`."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        lower_priority(_BACK)
        while (todo := self._queue.get()) is not None:
            todo()
        if self._drain:
            self._try(self._drain.close)

    def _picture(self, frame: Frame, t: float) -> None:
        self._room.release()
        drain = self._open()
        if drain and self._try(lambda: drain.picture(frame, t)):
            self.written += 1
        else:
            self.dropped += 1

    def _sound(self, samples: NDArray[np.float32], start: int) -> None:
        self._sounds.release()
        if drain := self._drain:
            self._try(lambda: drain.sound(samples, start))

    def _open(self) -> Drain | None:
        if self._drain is None and self.state == "lost" and time.monotonic() >= self._retry_at:
            try:
                self._drain = self._make()
            except AimvError as error:
                self._lose(error)
            else:
                self.state, self._tries = "open", 0
        return self._drain

    def _try(self, act: Callable[[], None]) -> bool:
        try:
            act()
        except AimvError as error:
            drain, self._drain = self._drain, None
            if drain:
                drain.give_up()
            self._lose(error)
            return False
        return True

    def _lose(self, error: AimvError) -> None:
        self.state, self.why = ("lost" if self._again else "failed"), str(error)
        self._retry_at = time.monotonic() + _RETRY_S[min(self._tries, len(_RETRY_S) - 1)]
        self._tries += 1
