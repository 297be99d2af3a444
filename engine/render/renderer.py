"""The engine's side of rendering: hands jobs to render processes and sees every one through.

A job is accepted by `Renderer.render` and stays with the renderer until its clip is in the store, it has failed, or
nobody waits for it any more; a worker only borrows it. A worker that dies or falls silent is replaced and its job
given out again, which does no harm, since a clip's address depends on its job alone.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec
import zmq
import zmq.asyncio

from engine.errors import AimvError, ProtocolError, RenderError
from engine.messages import Clip, Job
from engine.render.process import RenderProcess
from engine.render.protocol import (
    FOLDER_PREFIX,
    MAX_MESSAGE_BYTES,
    VERSION,
    Ack,
    Beat,
    Cancel,
    Done,
    Failed,
    Hello,
    Message,
    Progress,
    Ready,
    Stop,
    Who,
    Withdrawn,
    Work,
    decode,
    encode,
)
from engine.render.store import ClipStore

MAX_DEATHS = 3  # workers that one job may cost
FROZEN_SECONDS = 3.0  # silence after which a working process counts as frozen
_LOADING_SECONDS = 120.0  # the same while its generator loads: imports may hold Python's lock for long
_WATCH_SECONDS = 0.25
_IDLE_BEATS = 3  # a worker that says so often that it is idle never got its job

State = Literal["starting", "ready", "rendering", "lost"]


class WorkerEvent(msgspec.Struct, frozen=True):
    """A change in the life of a worker."""

    index: int  # which of the renderer's workers, from 0
    state: State
    pid: int
    detail: str = ""  # for "lost": how it ended


@dataclass(eq=False)
class _Order:
    """An accepted job."""

    job: Job
    job_id: str
    serial: int
    deadline: float
    done: asyncio.Future[Clip]
    waiters: int = 0
    deaths: int = 0
    worker: "_Worker | None" = None


@dataclass(eq=False)
class _Worker:
    """A render process and what it is known to do."""

    index: int
    name: bytes
    process: RenderProcess
    state: State = "starting"
    heard: float = field(default_factory=time.monotonic)
    order: _Order | None = None
    acked: bool = False
    idle_beats: int = 0
    unfit: AimvError | None = None  # why its generator cannot be loaded


class Renderer:
    """Renders jobs of one generator and model into `store`, in `workers` processes.

    Use as `async with`; at its end every process has ended and nothing remains but the store. `on_progress` takes a
    job and its finished share, 0 to 1; `on_done` a rendered job and the seconds that it took its worker; `on_worker`
    each change in a worker's life. They are called in the event loop and must return at once.
    """

    def __init__(
        self,
        store: ClipStore,
        generator: str,
        model: str = "",
        workers: int = 1,
        *,
        on_progress: Callable[[Job, float], None] = lambda job, share: None,
        on_done: Callable[[Job, float], None] = lambda job, seconds: None,
        on_worker: Callable[[WorkerEvent], None] = lambda event: None,
    ) -> None:
        self._store = store
        self._generator = generator
        self._model = model
        self._count = workers
        self._on_progress = on_progress
        self._on_done = on_done
        self._on_worker = on_worker
        self._orders: dict[str, _Order] = {}
        self._workers: dict[bytes, _Worker] = {}
        self._serial = 0
        self._supervisors = 0
        self._failure: AimvError | None = None
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))  # made with mode 0700
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self._folder = folder
            context = zmq.asyncio.Context()
            stack.callback(context.destroy, 0)
            self._socket = context.socket(zmq.ROUTER)
            self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
            self._endpoint = f"ipc://{folder}/socket"
            self._socket.bind(self._endpoint)
            stack.push_async_callback(self._end_tasks)
            self._group = await asyncio.TaskGroup().__aenter__()
            self._tasks = [
                self._group.create_task(self._listen(), name="renderer: listen"),
                self._group.create_task(self._watch(), name="renderer: watch"),
            ]
            for index in range(self._count):
                self._supervisors += 1
                self._tasks.append(self._group.create_task(self._supervise(index), name=f"renderer: worker {index}"))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._fail_all(RenderError("the renderer was closed"))
        await self._stack.aclose()

    def stored(self, job: Job) -> Clip | None:
        """The clip of `job` if it need not be rendered."""
        return self._store.get(job)

    async def render(self, job: Job, deadline: float | None = None) -> Clip:
        """The clip of `job`: from the store, or rendered, however many workers die over it.

        Any number of calls may wait at once; those with the earliest `deadline` (any clock, seconds) go first, then
        those without one, in order of submission. Equal jobs are rendered once. Cancelling the call withdraws the job.

        Raises:
            RenderError: it cannot be rendered; one line says why.
            ModelError, OutputError, UsageError: the generator cannot be loaded, the clip cannot be written.
        """
        if clip := self._store.get(job):
            return clip
        if self._failure and not self._supervisors:
            raise self._failure
        order = self._accept(job, float("inf") if deadline is None else deadline)
        order.waiters += 1
        try:
            return await asyncio.shield(order.done)
        finally:
            order.waiters -= 1
            if not order.waiters and not order.done.done():
                self._withdraw(order)

    def _accept(self, job: Job, deadline: float) -> _Order:
        job_id = job.id
        order = self._orders.get(job_id)
        if order is None:
            self._serial += 1
            order = _Order(job, job_id, self._serial, deadline, asyncio.get_running_loop().create_future())
            self._orders[job_id] = order
        order.deadline = min(order.deadline, deadline)
        self._dispatch()
        return order

    def _withdraw(self, order: _Order) -> None:
        del self._orders[order.job_id]
        order.done.cancel()
        if order.worker:
            self._send(order.worker, Cancel(order.job_id))

    def _dispatch(self) -> None:
        """Give waiting jobs to idle workers, the most urgent first."""
        waiting = sorted(
            (order for order in self._orders.values() if order.worker is None),
            key=lambda order: (order.deadline, order.serial),
        )
        idle = [worker for worker in self._workers.values() if worker.state == "ready"]
        for order, worker in zip(waiting, idle, strict=False):
            order.worker, worker.order = worker, order
            worker.acked, worker.idle_beats = False, 0
            self._enter(worker, "rendering")
            self._send(worker, Work(order.job))

    def _send(self, worker: _Worker, message: Message) -> None:
        self._send_to(worker.name, message)

    def _send_to(self, name: bytes, message: Message) -> None:
        # Not awaited: a ROUTER sends at once or drops what it cannot deliver, and beats show what was lost.
        self._socket.send_multipart([name, encode(message)])

    async def _listen(self) -> None:
        while True:
            parts = await self._socket.recv_multipart()
            if len(parts) != 2:
                continue
            try:
                message = decode(parts[1])
            except ProtocolError:
                continue
            worker = self._workers.get(parts[0])
            if worker is None:
                self._send_to(parts[0], Who())
            else:
                worker.heard = time.monotonic()
                self._hear(worker, message)

    def _hear(self, worker: _Worker, message: Message) -> None:
        match message:
            case Hello(version) if version != VERSION:
                self._send(worker, Stop())
            case Ready() if worker.state == "starting":
                self._enter(worker, "ready")
                self._dispatch()
            case Ack(job_id) if worker.order and worker.order.job_id == job_id:
                worker.acked = True
            case Progress(job_id, share) if worker.order and worker.order.job_id == job_id:
                self._on_progress(worker.order.job, share)
            case Done(job_id, elapsed) if worker.order and worker.order.job_id == job_id:
                self._finish(worker, worker.order, elapsed)
            case Failed(""):
                worker.unfit = message.error()
            case Failed(job_id) if worker.order and worker.order.job_id == job_id:
                self._settle(job_id, message.error())
                self._idle(worker)
            case Withdrawn(job_id) if worker.order and worker.order.job_id == job_id:
                self._give_back(worker.order)
                self._idle(worker)
            case Beat(job_id):
                self._compare(worker, job_id)
            case _:
                pass

    def _compare(self, worker: _Worker, busy_with: str) -> None:
        """A worker that says it is idle while a job is out with it: a message was lost, which one the Ack tells."""
        if busy_with or worker.order is None:
            worker.idle_beats = 0
            return
        worker.idle_beats += 1
        if worker.acked or worker.idle_beats >= _IDLE_BEATS:
            order = worker.order
            if clip := self._store.get(order.job):
                self._settle(order.job_id, clip)
            else:
                self._give_back(order)
            self._idle(worker)

    def _finish(self, worker: _Worker, order: _Order, elapsed: float) -> None:
        clip = self._store.get(order.job)
        if clip is None:
            self._blame(order, "the clip is not in the store, or damaged")
        else:
            self._on_progress(order.job, 1.0)
            self._on_done(order.job, elapsed)
            self._settle(order.job_id, clip)
            self._store.trim()
        self._idle(worker)

    def _idle(self, worker: _Worker) -> None:
        worker.order = None
        self._enter(worker, "ready")
        self._dispatch()

    def _settle(self, job_id: str, outcome: Clip | AimvError) -> None:
        order = self._orders.pop(job_id, None)
        if order is None:
            return  # withdrawn, or rendered by another worker as well
        if isinstance(outcome, AimvError):
            order.done.set_exception(outcome)
        else:
            order.done.set_result(outcome)

    def _give_back(self, order: _Order) -> None:
        """Put a job back into the queue, at its old place."""
        order.worker = None

    def _blame(self, order: _Order, reason: str) -> None:
        """A worker has failed over this job without saying so: once more, or no more."""
        order.deaths += 1
        if order.deaths >= MAX_DEATHS:
            error = RenderError(f"gave up a clip after {order.deaths} tries; the render process {reason}")
            self._settle(order.job_id, error)
        else:
            self._give_back(order)

    def _enter(self, worker: _Worker, state: State, detail: str = "") -> None:
        worker.state = state
        self._on_worker(WorkerEvent(worker.index, state, worker.process.pid, detail))

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
                self._endpoint,
                name,
                generator=self._generator,
                model=self._model,
                store=self._store.folder,
                log=self._folder / f"{name}.log",
            )
            worker = _Worker(index, name.encode(), process)
            self._workers[worker.name] = worker
            self._enter(worker, "starting")
            try:
                reason = await process.wait()
            finally:
                await process.end()
            stillborn = stillborn + 1 if worker.state == "starting" else 0
            self._lose(worker, reason)
            failure = worker.unfit
            if stillborn >= MAX_DEATHS:
                failure = failure or RenderError(f"the render process does not start: it {reason}")
        self._failure = failure
        self._supervisors -= 1
        if not self._supervisors:
            self._fail_all(failure)

    def _lose(self, worker: _Worker, reason: str) -> None:
        del self._workers[worker.name]
        self._enter(worker, "lost", reason)
        if worker.order:
            self._blame(worker.order, reason)
            worker.order = None
        self._dispatch()

    def _fail_all(self, error: AimvError) -> None:
        for job_id in list(self._orders):
            self._settle(job_id, error)

    async def _watch(self) -> None:
        """End workers that have fallen silent; their supervisors notice and go on from there."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(_WATCH_SECONDS)
            now = time.monotonic()
            for worker in self._workers.values():
                if now - before > 4 * _WATCH_SECONDS:
                    worker.heard = now  # it was this event loop that did not listen
                allowed = _LOADING_SECONDS if worker.state == "starting" else FROZEN_SECONDS
                if now - worker.heard > allowed:
                    worker.process.kill()

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)
