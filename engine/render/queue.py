"""Job queue by deadline, and the state of each worker: which jobs it has been assigned and how it is doing."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from engine.errors import AimvError, ProtocolError
from engine.render.cache import ClipCache, Upload
from engine.render.process import RenderProcess
from engine.render.protocol import Chunk, Clip, Job
from engine.render.transport import WorkerAddress


@dataclass(eq=False)
class QueuedJob:
    """A job from its submission until its clip is there, it has failed or it is cancelled."""

    job: Job
    job_id: str
    deadline: float
    done: asyncio.Future[Clip]
    waiters: list[Callable[[bool], None]] = field(default_factory=list)
    crash_count: int = 0
    assignment: "Assignment | None" = None

    def notify(self, finishing: bool) -> None:
        """Call each waiter: True when the job's final stage begins, False when that stage is interrupted."""
        for waiter in self.waiters:
            waiter(finishing)


@dataclass(eq=False)
class Assignment:
    """A queued job that a worker has been given, and what the worker has reported of it."""

    queued: QueuedJob
    acknowledged: bool = False
    finishing: bool = False  # in its final stage
    missed_heartbeats: int = 0  # in a row that do not name it
    upload: Upload | None = None  # the clip, while a worker on another host sends it

    def receive(self, chunk: Chunk, cache: ClipCache) -> None:
        """Write one chunk of the clip; one out of order ends the upload.

        Raises:
            OSError: there is no room or no permission; `end` removes what was received.
        """
        try:
            if chunk.offset == 0:
                self.abort_upload()
                self.upload = Upload(cache, chunk.job_id)
            if self.upload:
                self.upload.write(chunk)
        except ProtocolError:
            self.abort_upload()

    def abort_upload(self) -> None:
        """Remove what was received of the clip."""
        upload, self.upload = self.upload, None
        if upload:
            upload.abort()

    def end(self) -> None:
        """The worker no longer has the job; unless it is done, it is queued again, at its old place."""
        self.abort_upload()
        self.queued.assignment = None
        if self.finishing and not self.queued.done.done():
            self.queued.notify(False)


class JobQueue:
    """Queued jobs by id; equal jobs are queued once."""

    def __init__(self) -> None:
        self._jobs: dict[str, QueuedJob] = {}  # in the order of their submission

    def add(self, job: Job, deadline: float) -> QueuedJob:
        """Queue `job`, or, if it is queued already, move its deadline forward to `deadline`."""
        job_id = job.id
        queued = self._jobs.get(job_id)
        if queued is None:
            done: asyncio.Future[Clip] = asyncio.get_running_loop().create_future()
            queued = self._jobs[job_id] = QueuedJob(job, job_id, deadline, done)
        queued.deadline = min(queued.deadline, deadline)
        return queued

    def unassigned(self) -> list[QueuedJob]:
        """Those that no worker has, the most urgent first; those of one deadline in order of submission."""
        unassigned = (queued for queued in self._jobs.values() if queued.assignment is None)
        return sorted(unassigned, key=lambda queued: queued.deadline)

    def finish(self, job_id: str, outcome: Clip | AimvError) -> None:
        """End a job with its outcome; nothing happens if it has ended before."""
        queued = self._jobs.pop(job_id, None)
        if queued is None:
            return
        if isinstance(outcome, AimvError):
            queued.done.set_exception(outcome)
        else:
            queued.done.set_result(outcome)

    def fail_all(self, error: AimvError) -> None:
        """End every job with that error."""
        for job_id in list(self._jobs):
            self.finish(job_id, error)

    def cancel(self, queued: QueuedJob) -> None:
        """Remove a job that nobody waits for."""
        del self._jobs[queued.job_id]
        queued.done.cancel()


WorkerState = Literal["starting", "ready", "rendering", "lost", "refused"]


class WorkerEvent(msgspec.Struct, frozen=True):
    """A change of a worker's state."""

    index: int  # which of the pool's workers, from 0, those on other hosts last
    state: WorkerState
    pid: int  # on its own host
    detail: str = ""  # for "lost": how it ended; for "refused": why it is not used
    job_ids: tuple[str, ...] = ()  # those assigned to it, the latest last


@dataclass(eq=False)
class WorkerHandle:
    """The pool's view of one render process; without `process` it runs on another host."""

    index: int
    address: WorkerAddress
    pid: int
    process: RenderProcess | None = None
    state: WorkerState = "starting"
    last_message: float = field(default_factory=time.monotonic)
    assignments: dict[str, Assignment] = field(default_factory=dict)  # by job id, in order
    load_error: AimvError | None = None  # why its generator cannot be loaded

    def can_start(self, queued: QueuedJob) -> bool:
        """Whether it can start the job now: its generator is loaded, and all it has is in its final stage.

        A job that has crashed a worker is rendered alone, so that it cannot use up the attempts of another.
        """
        if not self.assignments:
            return self.state == "ready"
        return not queued.crash_count and all(
            each.finishing and not each.queued.crash_count for each in self.assignments.values()
        )
