"""The engine's side of rendering: hands jobs to render processes and sees every one through.

A job is accepted by `WorkerPool.render` and stays with the pool until its clip is in the cache, it has failed, or
nobody waits for it any more; a worker only borrows it. A worker that dies or falls silent is replaced and its job
given out again, which does no harm, since a clip's address depends on its job alone.

Who renders: so many processes on this host, and those that other hosts offer.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import msgspec

from engine.errors import AimvError, OutputError, RenderError, UsageError
from engine.render.auth import own_key_pair, public_key_of
from engine.render.cache import ClipCache
from engine.render.job import MAX_WORKERS, Clip, Job
from engine.render.process import RenderProcess
from engine.render.protocol import (
    FOLDER_PREFIX,
    VERSION,
    Ack,
    Assign,
    Cancel,
    CancelAck,
    Chunk,
    Done,
    Failed,
    Finishing,
    Heartbeat,
    Hello,
    Message,
    Progress,
    Ready,
    ServiceRequest,
    Stop,
)
from engine.render.queue import Assignment, JobQueue, QueuedJob, State, WorkerEvent, WorkerHandle
from engine.render.transport import RemoteWorker, Transport, WorkerAddress, no_worker_answered

__all__ = ["FROZEN_SECONDS", "MAX_CRASHES", "WorkerEvent", "WorkerPool"]

MAX_CRASHES = 3  # workers that one job may cost
FROZEN_SECONDS = 3.0  # silence after which a working process counts as frozen
_LOADING_SECONDS = 120.0  # the same while its generator loads: imports may hold Python's lock for long
_WATCH_SECONDS = 0.25
_REACH_SECONDS = 60.0  # in which a worker on another host should answer, where there is none here
_MISSED_BEATS = 3  # a worker that so often does not name a job never got it


class WorkerPool:
    """Renders jobs of one generator and model into `cache`, in `workers` processes here and those on `remotes`.

    Use as `async with`; at its end every process here has ended and nothing remains but the cache. A remote process
    is used whenever it can be reached. `nice` lowers the priority of the processes here, below a show that must be in
    time. `on_progress` takes a job and its finished share, 0 to 1; `on_done` a rendered
    job and the seconds that it took its worker; `on_worker` each change in a worker's life. They are called in the
    event loop and must return at once.
    """

    def __init__(
        self,
        cache: ClipCache,
        generator: str,
        model: str = "",
        workers: int = 1,
        remotes: Sequence[RemoteWorker] = (),
        *,
        nice: int = 0,
        on_progress: Callable[[Job, float], None] = lambda job, share: None,
        on_done: Callable[[Job, float], None] = lambda job, seconds: None,
        on_worker: Callable[[WorkerEvent], None] = lambda event: None,
    ) -> None:
        self._cache = cache
        self._generator = generator
        self._model = model
        self._who = ServiceRequest(VERSION, generator, model)
        self._count = workers
        self._remotes = remotes
        self._nice = nice
        self._on_progress = on_progress
        self._on_done = on_done
        self._on_worker = on_worker
        self._queue = JobQueue()
        self._workers: dict[WorkerAddress, WorkerHandle] = {}
        self._supervisors = 0
        self._failure: AimvError | None = None
        self._reached = False  # whether any worker on another host was
        self._refused: dict[int, str] = {}  # workers on other hosts that are not used, by process: why
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))  # made with mode 0700
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self._folder = folder
            self._transport = Transport(folder, self._remotes)
            stack.callback(self._transport.close)
            stack.push_async_callback(self._end_tasks)
            self._group = await asyncio.TaskGroup().__aenter__()
            self._tasks = [self._group.create_task(self._watch(), name="pool: watch")]
            for name, listening in self._transport.listeners(self._hear):
                self._tasks.append(self._group.create_task(listening, name=f"pool: listen {name}"))
            for index in range(self._count):
                self._supervisors += 1
                self._tasks.append(self._group.create_task(self._supervise(index), name=f"pool: worker {index}"))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers.values():
            for job_id in worker.assignments if worker.process is None else ():
                self._send(worker, Cancel(job_id))
        self._queue.fail_all(RenderError("the pool was closed"))
        await self._stack.aclose()

    def cached(self, job: Job) -> Clip | None:
        """The clip of `job` if it need not be rendered."""
        return self._cache.get(job)

    def release(self, clip: Clip) -> None:
        """The clip is not needed any more; the cache may remove it to make room."""
        self._cache.release(clip.job_id)

    async def render(
        self, job: Job, deadline: float | None = None, on_final_stage: Callable[[bool], None] = lambda finishing: None
    ) -> Clip:
        """The clip of `job`: from the cache, or rendered, however many workers die over it.

        Any number of calls may wait at once; those with the earliest `deadline` (any clock, seconds) go first, then
        those without one, in order of submission. Equal jobs are rendered once. Cancelling the call withdraws the job.
        `on_final_stage` is called with True when the job enters its final stage, during which its worker can begin
        another, and with False if that stage was interrupted.

        Raises:
            RenderError: it cannot be rendered; one line says why.
            ModelError, OutputError, UsageError: the generator cannot be loaded, the clip cannot be written.
        """
        if clip := self._cache.get(job):
            return clip
        if self._failure and not self._supervisors:
            raise self._failure
        order = self._queue.accept(job, float("inf") if deadline is None else deadline)
        order.waiters.append(on_final_stage)
        if order.assignment and order.assignment.finishing:
            on_final_stage(True)
        self._dispatch()
        try:
            return await asyncio.shield(order.done)
        finally:
            order.waiters.remove(on_final_stage)
            if not order.waiters and not order.done.done():
                self._withdraw(order)

    def _withdraw(self, order: QueuedJob) -> None:
        self._queue.withdraw(order)
        for worker in self._workers.values():
            if order.job_id in worker.assignments:
                self._send(worker, Cancel(order.job_id))

    def _dispatch(self) -> None:
        """Give waiting jobs to workers that can begin one, the most urgent first; none overtakes another."""
        for order in self._queue.waiting():
            able = [worker for worker in self._workers.values() if worker.takes(order)]
            if not able:
                return
            worker = min(able, key=lambda worker: len(worker.assignments))
            order.assignment = worker.assignments[order.job_id] = Assignment(order)
            self._enter(worker, "rendering")
            self._send(worker, Assign(order.job))

    def _send(self, worker: WorkerHandle, message: Message) -> None:
        self._transport.send(worker.address, message)

    def _hear(self, address: WorkerAddress, message: Message) -> None:
        if worker := self._workers.get(address):
            worker.heard = time.monotonic()
            self._hear_worker(worker, message)
        elif isinstance(message, Hello) and address.line:
            self._welcome(address, message)

    def _welcome(self, address: WorkerAddress, hello: Hello) -> None:
        """Enrol a worker on another host, if it renders what this pool is for and serves nobody else."""
        if obstacle := hello.obstacle(self._who):
            if self._refused.get(hello.pid) != obstacle:
                self._refused[hello.pid] = obstacle
                self._on_worker(WorkerEvent(self._count, "refused", hello.pid, obstacle))
            return
        index = self._count + sum(worker.process is None for worker in self._workers.values())
        worker = self._workers[address] = WorkerHandle(index, address, hello.pid)
        self._reached, self._failure = True, None
        self._enter(worker, "starting")

    def _hear_worker(self, worker: WorkerHandle, message: Message) -> None:
        match message:
            case Hello(version) if version != VERSION and worker.process:
                worker.unfit = RenderError(
                    f"the render process speaks version {version} of the protocol, the engine {VERSION}: reinstall aimv"
                )
                worker.process.kill()
            case Ready() if worker.state == "starting":
                self._enter(worker, "ready")
                self._dispatch()
            case Failed(""):
                worker.unfit = message.error()
            case Heartbeat(job_ids):
                for assignment in list(worker.assignments.values()):
                    self._compare(worker, assignment, job_ids)
            case Hello() | Ready() | Assign() | Cancel() | ServiceRequest() | Stop():
                pass
            case _ if told := worker.assignments.get(message.job_id):
                self._hear_of_job(worker, told, message)

    def _hear_of_job(self, worker: WorkerHandle, assignment: Assignment, message: Message) -> None:
        """What a worker says of a job that it has."""
        match message:
            case Ack():
                assignment.acked = True
            case Progress(_, share):
                self._on_progress(assignment.order.job, share)
            case Finishing():
                assignment.finishing = True
                assignment.order.tell(True)
                self._dispatch()
            case Chunk() if worker.process is None:
                self._receive(worker, assignment, message)
            case Done(_, elapsed, sent):
                if assignment.incoming is None or self._receive(worker, assignment, sent):
                    self._finish(worker, assignment, elapsed)
            case Failed(job_id):
                self._queue.settle(job_id, message.error())
                self._end(worker, assignment)
            case CancelAck():
                self._end(worker, assignment)
            case _:
                pass

    def _compare(self, worker: WorkerHandle, assignment: Assignment, busy_with: tuple[str, ...]) -> None:
        """A beat that does not name a job that is out with the worker: a message was lost, which one the Ack tells."""
        if assignment.order.job_id in busy_with:
            assignment.missed = 0
            return
        assignment.missed += 1
        if assignment.acked or assignment.missed >= _MISSED_BEATS:
            if clip := self._cache.get(assignment.order.job):
                self._queue.settle(clip.job_id, clip)
            else:
                self._blame(assignment.order, "does not do what it is given")
            self._end(worker, assignment)

    def _receive(self, worker: WorkerHandle, assignment: Assignment, part: Chunk | int) -> bool:
        """Take a piece of the clip from another host, or, told its size, the end of it; False if it has no place."""
        try:
            assignment.take(part, self._cache)
        except OSError as error:
            reason = f"cannot write the clip to {self._cache.folder}: {error.strerror or error}"
            self._queue.settle(assignment.order.job_id, OutputError(reason))
            self._end(worker, assignment)
            return False
        return True

    def _finish(self, worker: WorkerHandle, assignment: Assignment, elapsed: float) -> None:
        order = assignment.order
        clip = self._cache.get(order.job)
        if clip is None:
            self._blame(order, "the clip is not in the cache, or damaged")
        else:
            self._on_progress(order.job, 1.0)
            self._on_done(order.job, elapsed)
            self._queue.settle(order.job_id, clip)
            self._cache.trim()
        self._end(worker, assignment)

    def _end(self, worker: WorkerHandle, assignment: Assignment) -> None:
        """The worker has done with the job, in whatever way."""
        del worker.assignments[assignment.order.job_id]
        assignment.end()
        if not worker.assignments:
            self._enter(worker, "ready")
        self._dispatch()

    def _blame(self, order: QueuedJob, reason: str) -> None:
        """A worker has failed over this job without saying so: once more, or no more."""
        order.crash_count += 1
        if order.crash_count >= MAX_CRASHES:
            error = RenderError(f"gave up a clip after {order.crash_count} tries; the render process {reason}")
            self._queue.settle(order.job_id, error)

    def _enter(self, worker: WorkerHandle, state: State, detail: str = "") -> None:
        worker.state = state
        self._on_worker(WorkerEvent(worker.index, state, worker.pid, detail, tuple(worker.assignments)))

    async def _supervise(self, index: int) -> None:
        """Keep one worker alive, until its generator turns out not to load or it dies again and again in starting."""
        starts, stillborn = 0, 0
        failure: AimvError | None = None
        while failure is None:
            if stillborn:
                await asyncio.sleep(0.5 * 2**stillborn)
            starts += 1
            name = f"{index}-{starts}"
            process = await RenderProcess.start(
                self._transport.endpoint,
                name,
                index=index,
                generator=self._generator,
                model=self._model,
                cache=self._cache.folder,
                log=self._folder / f"{name}.log",
                nice=self._nice,
            )
            address = WorkerAddress(0, name.encode())
            worker = self._workers[address] = WorkerHandle(index, address, process.pid, process)
            self._enter(worker, "starting")
            try:
                reason = await process.wait()
            finally:
                await process.end()
            stillborn = stillborn + 1 if worker.state == "starting" else 0
            self._lose(worker, reason)
            failure = worker.unfit
            if stillborn >= MAX_CRASHES:
                failure = failure or RenderError(f"the render process does not start: it {reason}")
        self._failure = failure
        self._supervisors -= 1
        if not self._supervisors:
            self._queue.fail_all(failure)

    def _lose(self, worker: WorkerHandle, reason: str) -> None:
        del self._workers[worker.address]
        self._enter(worker, "lost", reason)
        for assignment in worker.assignments.values():
            if worker.process:
                self._blame(assignment.order, reason)
            assignment.end()
        self._dispatch()

    async def _watch(self) -> None:
        """End workers that have fallen silent, whose supervisors notice and go on from there; ask for those abroad."""
        patience = time.monotonic() + _REACH_SECONDS
        while True:
            before = time.monotonic()
            await asyncio.sleep(_WATCH_SECONDS)
            now = time.monotonic()
            for worker in list(self._workers.values()):
                if now - before > 4 * _WATCH_SECONDS:
                    worker.heard = now  # it was this event loop that did not listen
                allowed = _LOADING_SECONDS if worker.state == "starting" else FROZEN_SECONDS
                if now - worker.heard > allowed and worker.process:
                    worker.process.kill()
                elif now - worker.heard > allowed:
                    self._lose(worker, "fell silent")
            self._transport.ask(self._who, self._workers)
            if not (self._count or self._reached or self._failure) and now > patience:
                self._failure = no_worker_answered(self._remotes, self._refused.values())
                self._queue.fail_all(self._failure)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)


class PoolConfig(msgspec.Struct, frozen=True):
    """The workers of a pool: how many processes on this host, and which workers on others.

    Raises:
        UsageError: there are too many, or none.
    """

    local: int = 1
    remotes: tuple[RemoteWorker, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.local <= MAX_WORKERS:
            raise UsageError(
                f"{self.local} render processes are not possible: choose from 0 to {MAX_WORKERS}", option="workers"
            )
        if not self.local and not self.remotes:
            raise UsageError(
                "there is no render process: choose at least one, here or on another host", option="worker"
            )

    @classmethod
    def from_addresses(cls, local: int, addresses: tuple[str, ...], keys: Path) -> Self:
        """`local` processes here and one at each of the `addresses` (tcp://HOST:PORT), with the keys in folder `keys`.

        Raises:
            UsageError: there are too many workers or none, an address is malformed, or keys are missing.
        """
        remotes = (RemoteWorker(each, public_key_of(keys, _host(each)), own_key_pair(keys)) for each in addresses)
        return cls(local, tuple(remotes))

    @property
    def size(self) -> int:
        """How many clips can be in work at once."""
        return self.local + len(self.remotes)


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        if parts.scheme == "tcp" and parts.hostname and parts.port:
            return parts.hostname
    except ValueError:
        pass
    raise UsageError(f"{address} is no address of a render process: give tcp://HOST:PORT", option="worker")
