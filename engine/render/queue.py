"""The jobs that a pool has accepted: each stays here until it is settled, whatever happens to who borrows it.

What the pool keeps of its workers.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from engine.errors import AimvError, ProtocolError
from engine.render.cache import ClipCache, Upload
from engine.render.job import Clip, Job
from engine.render.process import RenderProcess
from engine.render.protocol import Chunk
from engine.render.transport import WorkerAddress


@dataclass(eq=False)
class QueuedJob:
    """An accepted job. Who waits for it is told True when its last stage begins, False when that is cut short."""

    job: Job
    job_id: str
    serial: int
    deadline: float
    done: asyncio.Future[Clip]
    waiters: list[Callable[[bool], None]] = field(default_factory=list)
    crash_count: int = 0
    assignment: "Assignment | None" = None

    def tell(self, finishing: bool) -> None:
        """Tell who waits for it."""
        for waiter in self.waiters:
            waiter(finishing)


@dataclass(eq=False)
class Assignment:
    """An order that a worker has borrowed, and what it has told of it."""

    order: QueuedJob
    acked: bool = False
    finishing: bool = False  # it is in its last stage
    missed: int = 0  # beats in a row that do not name it
    incoming: Upload | None = None  # the clip, while it is being sent

    def take(self, part: Chunk | int, cache: ClipCache) -> None:
        """A piece of the clip that is being sent, or, as a number, the size of the whole.

        Pieces that do not fit together, or to the size, leave nothing in the cache.

        Raises:
            OSError: no room, or no permission; nothing is left.
        """
        try:
            if isinstance(part, int):
                incoming, self.incoming = self.incoming, None
                if incoming:
                    incoming.finish(part)
                return
            if part.offset == 0:
                self.drop()
                self.incoming = Upload(cache, part.job_id)
            if self.incoming:
                self.incoming.take(part)
        except ProtocolError:
            self.drop()
        except OSError:
            self.drop()
            raise

    def drop(self) -> None:
        """Leave nothing of the clip that was being sent."""
        incoming, self.incoming = self.incoming, None
        if incoming:
            incoming.abandon()

    def end(self) -> None:
        """The worker has it no more; if it is not settled, it waits again, at its old place."""
        self.drop()
        self.order.assignment = None
        if self.finishing and not self.order.done.done():
            self.order.tell(False)


class JobQueue:
    """JobQueue by job id; equal jobs are one order."""

    def __init__(self) -> None:
        self._queue: dict[str, QueuedJob] = {}
        self._serial = 0

    def accept(self, job: Job, deadline: float) -> QueuedJob:
        """The order for `job`, which is to be there by the earliest `deadline` asked for."""
        job_id = job.id
        order = self._queue.get(job_id)
        if order is None:
            self._serial += 1
            order = QueuedJob(job, job_id, self._serial, deadline, asyncio.get_running_loop().create_future())
            self._queue[job_id] = order
        order.deadline = min(order.deadline, deadline)
        return order

    def waiting(self) -> list[QueuedJob]:
        """Those that nobody has borrowed, the most urgent first."""
        waiting = (order for order in self._queue.values() if order.assignment is None)
        return sorted(waiting, key=lambda order: (order.deadline, order.serial))

    def settle(self, job_id: str, outcome: Clip | AimvError) -> None:
        """The order has its outcome; nothing happens if it was withdrawn, or rendered by another worker as well."""
        order = self._queue.pop(job_id, None)
        if order is None:
            return
        if isinstance(outcome, AimvError):
            order.done.set_exception(outcome)
        else:
            order.done.set_result(outcome)

    def fail_all(self, error: AimvError) -> None:
        """Every order ends with that error."""
        for job_id in list(self._queue):
            self.settle(job_id, error)

    def withdraw(self, order: QueuedJob) -> None:
        """Nobody wants it any more."""
        del self._queue[order.job_id]
        order.done.cancel()


State = Literal["starting", "ready", "rendering", "lost", "refused"]


class WorkerEvent(msgspec.Struct, frozen=True):
    """A change in the life of a worker."""

    index: int  # which of the pool's workers, from 0, those on other hosts last
    state: State
    pid: int  # on its own host
    detail: str = ""  # for "lost": how it ended; for "refused": why it is not used
    job_ids: tuple[str, ...] = ()  # what it has, the latest last


@dataclass(eq=False)
class WorkerHandle:
    """A render process and what it is known to do; without `process` it lives on another host."""

    index: int
    address: WorkerAddress
    pid: int
    process: RenderProcess | None = None
    state: State = "starting"
    heard: float = field(default_factory=time.monotonic)
    assignments: dict[str, Assignment] = field(default_factory=dict)  # by job id, in order
    unfit: AimvError | None = None  # why its generator cannot be loaded

    def takes(self, order: QueuedJob) -> bool:
        """Whether it can begin `order` now: it is loaded, and all it has is in its last stage.

        An order over which a worker has died is rendered alone, so that it cannot cost another its tries.
        """
        if not self.assignments:
            return self.state == "ready"
        return not order.crash_count and all(
            each.finishing and not each.order.crash_count for each in self.assignments.values()
        )
