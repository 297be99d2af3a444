"""Pool of render processes: assigns queued jobs to workers, here and on other hosts, until each has its clip.

A worker that crashes or stops responding is replaced and its jobs are assigned again, which does no harm, since the
address of a clip depends on its job alone.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

from engine.errors import AimvError, ProtocolError, RenderError
from engine.render.cache import ClipCache
from engine.render.process import RenderProcess
from engine.render.protocol import (
    FOLDER_PREFIX,
    VERSION,
    Ack,
    Assign,
    Cancel,
    CancelAck,
    Chunk,
    Clip,
    Done,
    Failed,
    Finishing,
    Heartbeat,
    Hello,
    Job,
    Message,
    Progress,
    Ready,
    ServiceRequest,
    Stop,
)
from engine.render.queue import Assignment, JobQueue, QueuedJob, WorkerEvent, WorkerHandle, WorkerState
from engine.render.transport import PoolConfig, RemoteWorker, Transport, WorkerAddress, no_worker_answered
from engine.threads import to_thread

__all__ = ["MAX_CRASHES", "PoolConfig", "WorkerEvent", "WorkerPool"]

MAX_CRASHES = 3  # workers that one job may crash
_FROZEN_S = 3.0  # without a message: the worker is frozen
_LOADING_S = 120.0  # the same while its generator loads: imports can keep Python's lock for long
_CONNECT_S = 60.0  # in which a worker on another host should answer, where there is none here
_WATCH_S = 0.25
_MISSED_HEARTBEATS = 3  # in a row without a job's id: its worker never got the job

_T = TypeVar("_T")


class WorkerPool:
    """Renders jobs of one generator and model into `cache`, in `workers` processes here and those on `remotes`.

    Use as `async with`; at its end every process here has ended and nothing remains but the cache. A worker on another
    host is used whenever it can be reached; without any here, jobs fail once none has answered for `connect_timeout`
    seconds. `nice` lowers the priority of the processes here. `on_progress` is called with a job and its finished
    share, 0 to 1; `on_done` with a rendered job and the seconds that it took its worker; `on_worker` with each change
    of a worker's state: in the event loop, so they must return at once.
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
        connect_timeout: float = _CONNECT_S,
        transport: Callable[[Path, Sequence[RemoteWorker]], Transport] = Transport,
        on_progress: Callable[[Job, float], None] = lambda job, share: None,
        on_done: Callable[[Job, float], None] = lambda job, seconds: None,
        on_worker: Callable[[WorkerEvent], None] = lambda event: None,
    ) -> None:
        self._cache = cache
        self._request = ServiceRequest(VERSION, generator, model)
        self._count = workers
        self._remotes = remotes
        self._nice = nice
        self._connect_timeout = connect_timeout
        self._make_transport = transport
        self._on_progress = on_progress
        self._on_done = on_done
        self._on_worker = on_worker
        self._queue = JobQueue()
        self._workers: dict[WorkerAddress, WorkerHandle] = {}
        self._supervised = 0  # workers here that still run or are restarted
        self._failure: AimvError | None = None
        self._connected = False  # whether any worker on another host ever was
        self._refusals: dict[int, str] = {}  # by process: why a worker on another host cannot be used
        self._tasks: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))  # made with mode 0700
            stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            self._cache_thread = ThreadPoolExecutor(1, "clip cache")  # one, so that calls keep their order
            stack.push_async_callback(to_thread, self._cache_thread.shutdown, cancel_futures=True)
            self._transport = self._make_transport(self._folder, self._remotes)
            stack.callback(self._transport.close)
            self._group = await stack.enter_async_context(asyncio.TaskGroup())
            stack.callback(self._cancel_tasks)
            self._start(self._watch(), "watch")
            for name, receiving in self._transport.receivers(self._handle):
                self._start(receiving, f"receive from {name}")
            for index in range(self._count):
                self._supervised += 1
                self._start(self._supervise(index), f"worker {index}")
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        for worker in self._workers.values():
            for job_id in worker.assignments if worker.process is None else ():
                self._transport.send(worker.address, Cancel(job_id))
        self._queue.fail_all(RenderError("the pool was closed"))
        await self._stack.aclose()

    async def cached(self, job: Job) -> Clip | None:
        """The clip of `job` if it need not be rendered."""
        if not self._cache.path_for(job.id).exists():
            return None
        return await self._in_cache_thread(self._cache.get, job)

    def release(self, clip: Clip) -> None:
        """The clip is not needed any more; the cache may remove it to make room."""
        self._cache_thread.submit(self._cache.release, clip.job_id)

    async def render(
        self, job: Job, deadline: float | None = None, on_final_stage: Callable[[bool], None] = lambda finishing: None
    ) -> Clip:
        """The clip of `job`: from the cache, or rendered, even if workers crash.

        Any number of calls may wait at once; those with the earliest `deadline` (any clock, seconds) go first, then
        those without one, in order of submission. Equal jobs are rendered once. Cancelling the call cancels the job.
        `on_final_stage` is called with True when the job enters its final stage, during which its worker can begin
        another, and with False if that stage is interrupted.

        Raises:
            RenderError: it cannot be rendered; one line says why.
            ModelError, OutputError, UsageError: the generator cannot be loaded, the clip cannot be written.
        """
        if clip := await self.cached(job):
            return clip
        if self._failure and not self._supervised:
            raise self._failure
        queued = self._queue.add(job, float("inf") if deadline is None else deadline)
        queued.waiters.append(on_final_stage)
        if queued.assignment and queued.assignment.finishing:
            on_final_stage(True)
        self._dispatch()
        try:
            return await asyncio.shield(queued.done)
        finally:
            queued.waiters.remove(on_final_stage)
            if not queued.waiters and not queued.done.done():
                self._cancel(queued)

    def _cancel(self, queued: QueuedJob) -> None:
        self._queue.cancel(queued)
        for worker in self._workers.values():
            if queued.job_id in worker.assignments:
                self._transport.send(worker.address, Cancel(queued.job_id))

    def _dispatch(self) -> None:
        """Assign jobs to workers that can start one, the most urgent first; none overtakes another."""
        for queued in self._queue.unassigned():
            able = [worker for worker in self._workers.values() if worker.can_start(queued)]
            if not able:
                return
            worker = min(able, key=lambda worker: len(worker.assignments))
            queued.assignment = worker.assignments[queued.job_id] = Assignment(queued)
            self._set_state(worker, "rendering")
            self._transport.send(worker.address, Assign(queued.job))

    def _handle(self, address: WorkerAddress, message: Message) -> None:
        if worker := self._workers.get(address):
            worker.last_message = time.monotonic()
            self._handle_of_worker(worker, message)
        elif isinstance(message, Hello) and address.socket:
            self._add_remote(address, message)

    def _add_remote(self, address: WorkerAddress, hello: Hello) -> None:
        """Use a worker on another host, if it renders what this pool is for and serves no other engine."""
        if refusal := hello.refusal(self._request):
            if self._refusals.get(hello.pid) != refusal:
                self._refusals[hello.pid] = refusal
                self._on_worker(WorkerEvent(self._count, "refused", hello.pid, refusal))
            return
        index = self._count + sum(worker.process is None for worker in self._workers.values())
        worker = self._workers[address] = WorkerHandle(index, address, hello.pid)
        self._connected, self._failure = True, None
        self._set_state(worker, "starting")

    def _handle_of_worker(self, worker: WorkerHandle, message: Message) -> None:
        match message:
            case Hello(version) if version != VERSION and worker.process:
                worker.load_error = RenderError(
                    f"the render process speaks version {version} of the protocol, the engine {VERSION}: reinstall aimv"
                )
                worker.process.kill()
            case Ready() if worker.state == "starting":
                self._set_state(worker, "ready")
                self._dispatch()
            case Failed(""):
                worker.load_error = message.error()
            case Heartbeat(job_ids):
                for assignment in list(worker.assignments.values()):
                    self._check_heartbeat(worker, assignment, job_ids)
            case Hello() | Ready() | Assign() | Cancel() | ServiceRequest() | Stop():
                pass
            case _ if assigned := worker.assignments.get(message.job_id):
                self._handle_of_job(worker, assigned, message)

    def _handle_of_job(self, worker: WorkerHandle, assignment: Assignment, message: Message) -> None:
        queued = assignment.queued
        match message:
            case Ack():
                assignment.acknowledged = True
            case Progress(_, share):
                self._on_progress(queued.job, share)
            case Finishing():
                assignment.finishing = True
                queued.notify(True)
                self._dispatch()
            case Chunk() if worker.process is None:
                try:
                    assignment.receive(message, self._cache)
                except OSError as error:
                    self._queue.finish(queued.job_id, self._cache.write_error(error))
                    self._end(worker, assignment)
            case Done():
                self._settle(worker, assignment, message)
            case Failed(job_id):
                self._queue.finish(job_id, message.error())
                self._end(worker, assignment)
            case CancelAck():
                self._end(worker, assignment)

    def _check_heartbeat(self, worker: WorkerHandle, assignment: Assignment, job_ids: tuple[str, ...]) -> None:
        """A heartbeat without the id of an assigned job: a message was lost, which one shows by the Ack."""
        if assignment.queued.job_id in job_ids:
            assignment.missed_heartbeats = 0
            return
        assignment.missed_heartbeats += 1
        if assignment.acknowledged or assignment.missed_heartbeats >= _MISSED_HEARTBEATS:
            self._settle(worker, assignment, None)

    def _settle(self, worker: WorkerHandle, assignment: Assignment, done: Done | None) -> None:
        """The worker has reported the clip or, without `done`, no longer has the job and the message was lost."""
        del worker.assignments[assignment.queued.job_id]
        self._start(self._finish(assignment, done), f"finish {assignment.queued.job_id}")
        self._next(worker)

    async def _finish(self, assignment: Assignment, done: Done | None) -> None:
        queued = assignment.queued
        upload, assignment.upload = assignment.upload, None
        clip = None
        try:
            if upload and done:
                await self._in_cache_thread(upload.finish, done.sent)
            clip = await self._in_cache_thread(self._cache.get, queued.job, done is not None)
        except ProtocolError:
            pass  # chunks are missing
        except OSError as error:
            self._queue.finish(queued.job_id, self._cache.write_error(error))
        if clip:
            if done:
                self._on_progress(queued.job, 1.0)
                self._on_done(queued.job, done.elapsed)
            self._queue.finish(queued.job_id, clip)
        elif not queued.done.done():
            self._count_crash(queued, "did not put the clip into the cache")
        assignment.end()
        self._dispatch()
        await self._in_cache_thread(self._cache.trim)

    def _end(self, worker: WorkerHandle, assignment: Assignment) -> None:
        """The worker has not rendered the job: it has failed or was cancelled."""
        del worker.assignments[assignment.queued.job_id]
        assignment.end()
        self._next(worker)

    def _next(self, worker: WorkerHandle) -> None:
        if not worker.assignments:
            self._set_state(worker, "ready")
        self._dispatch()

    def _count_crash(self, queued: QueuedJob, reason: str) -> None:
        """A worker has failed over this job without saying so: try again, or give up."""
        queued.crash_count += 1
        if queued.crash_count >= MAX_CRASHES:
            error = RenderError(f"gave up a clip after {queued.crash_count} tries; the render process {reason}")
            self._queue.finish(queued.job_id, error)

    def _set_state(self, worker: WorkerHandle, state: WorkerState, detail: str = "") -> None:
        worker.state = state
        self._on_worker(WorkerEvent(worker.index, state, worker.pid, detail, tuple(worker.assignments)))

    async def _supervise(self, index: int) -> None:
        """Keep one worker running, until its generator cannot be loaded or it fails to start again and again."""
        starts, failed_starts = 0, 0
        failure: AimvError | None = None
        while failure is None:
            if failed_starts:
                await asyncio.sleep(0.5 * 2**failed_starts)
            starts += 1
            name = f"{index}-{starts}"
            process = await RenderProcess.start(
                self._transport.endpoint,
                name,
                index=index,
                generator=self._request.generator,
                model=self._request.model,
                cache=self._cache.folder,
                log=self._folder / f"{name}.log",
                nice=self._nice,
            )
            address = WorkerAddress(0, name.encode())
            worker = self._workers[address] = WorkerHandle(index, address, process.pid, process)
            self._set_state(worker, "starting")
            try:
                reason = await process.wait()
            finally:
                await process.end()
            failed_starts = failed_starts + 1 if worker.state == "starting" else 0
            self._remove(worker, reason)
            failure = worker.load_error
            if failed_starts >= MAX_CRASHES:
                failure = failure or RenderError(f"the render process does not start: it {reason}")
        self._failure = failure
        self._supervised -= 1
        if not self._supervised:
            self._queue.fail_all(failure)

    def _remove(self, worker: WorkerHandle, reason: str) -> None:
        del self._workers[worker.address]
        self._set_state(worker, "lost", reason)
        for assignment in worker.assignments.values():
            if worker.process:
                self._count_crash(assignment.queued, reason)
            assignment.end()
        self._dispatch()

    async def _watch(self) -> None:
        """Kill workers that do not respond, which their supervisors restart; request service from those elsewhere."""
        deadline = time.monotonic() + self._connect_timeout
        while True:
            before = time.monotonic()
            await asyncio.sleep(_WATCH_S)
            now = time.monotonic()
            for worker in list(self._workers.values()):
                if now - before > 4 * _WATCH_S:
                    worker.last_message = now  # it was this event loop that did not respond
                limit = _LOADING_S if worker.state == "starting" else _FROZEN_S
                if now - worker.last_message > limit:
                    if worker.process:
                        worker.process.kill()
                    else:
                        self._remove(worker, "stopped responding")
            self._transport.request_service(self._request, self._workers)
            if not (self._count or self._connected or self._failure) and now > deadline:
                self._failure = no_worker_answered(self._remotes, self._refusals.values())
                self._queue.fail_all(self._failure)

    async def _in_cache_thread(self, function: Callable[..., _T], *args: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._cache_thread, function, *args)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = self._group.create_task(work, name=f"pool: {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
