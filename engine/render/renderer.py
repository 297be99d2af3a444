"""The engine's side of rendering: hands jobs to render processes and sees every one through.

A job is accepted by `Renderer.render` and stays with the renderer until its clip is in the store, it has failed, or
nobody waits for it any more; a worker only borrows it. A worker that dies or falls silent is replaced and its job
given out again, which does no harm, since a clip's address depends on its job alone.
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

import zmq
import zmq.asyncio

from engine.errors import AimvError, OutputError, ProtocolError, RenderError
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
    Piece,
    Progress,
    Ready,
    Who,
    Withdrawn,
    Work,
    decode,
    encode,
)
from engine.render.remote import Remote, connect, unanswered
from engine.render.roster import Order, State, Worker, WorkerEvent
from engine.render.store import ClipStore

__all__ = ["FROZEN_SECONDS", "MAX_DEATHS", "Renderer", "WorkerEvent"]

MAX_DEATHS = 3  # workers that one job may cost
FROZEN_SECONDS = 3.0  # silence after which a working process counts as frozen
_LOADING_SECONDS = 120.0  # the same while its generator loads: imports may hold Python's lock for long
_WATCH_SECONDS = 0.25
_REACH_SECONDS = 60.0  # in which a worker on another host should answer, where there is none here
_IDLE_BEATS = 3  # a worker that says so often that it is idle never got its job


class Renderer:
    """Renders jobs of one generator and model into `store`, in `workers` processes here and those on `remotes`.

    Use as `async with`; at its end every process here has ended and nothing remains but the store. A remote process
    is used whenever it can be reached. `back` lowers the priority of the processes here, below a show that must be in
    time. `on_progress` takes a job and its finished share, 0 to 1; `on_done` a rendered
    job and the seconds that it took its worker; `on_worker` each change in a worker's life. They are called in the
    event loop and must return at once.
    """

    def __init__(
        self,
        store: ClipStore,
        generator: str,
        model: str = "",
        workers: int = 1,
        remotes: Sequence[Remote] = (),
        *,
        back: int = 0,
        on_progress: Callable[[Job, float], None] = lambda job, share: None,
        on_done: Callable[[Job, float], None] = lambda job, seconds: None,
        on_worker: Callable[[WorkerEvent], None] = lambda event: None,
    ) -> None:
        self._store = store
        self._generator = generator
        self._model = model
        self._count = workers
        self._remotes = remotes
        self._back = back
        self._on_progress = on_progress
        self._on_done = on_done
        self._on_worker = on_worker
        self._orders: dict[str, Order] = {}
        self._workers: dict[bytes, Worker] = {}
        self._serial = 0
        self._supervisors = 0
        self._failure: AimvError | None = None
        self._reached = False  # whether any worker on another host was
        self._refused: set[int] = set()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))  # made with mode 0700
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            self._folder = folder
            context = zmq.asyncio.Context()
            stack.callback(context.destroy, 0)
            self._local = context.socket(zmq.ROUTER)
            self._local.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
            self._endpoint = f"ipc://{folder}/socket"
            self._local.bind(self._endpoint)
            stack.push_async_callback(self._end_tasks)
            self._group = await asyncio.TaskGroup().__aenter__()
            self._tasks = [
                self._group.create_task(self._listen(self._local), name="renderer: listen"),
                self._group.create_task(self._watch(), name="renderer: watch"),
            ]
            for remote in self._remotes:
                socket = connect(context, remote)
                name = f"renderer: listen to {remote.address}"
                self._tasks.append(self._group.create_task(self._listen(socket), name=name))
            for index in range(self._count):
                self._supervisors += 1
                self._tasks.append(self._group.create_task(self._supervise(index), name=f"renderer: worker {index}"))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers.values():
            if worker.order and worker.process is None:
                self._send(worker, Cancel(worker.order.job_id))
        self._fail_all(RenderError("the renderer was closed"))
        await self._stack.aclose()

    def stored(self, job: Job) -> Clip | None:
        """The clip of `job` if it need not be rendered."""
        return self._store.get(job)

    def release(self, clip: Clip) -> None:
        """The clip is not needed any more; the store may remove it to make room."""
        self._store.release(clip.job_id)

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

    def _accept(self, job: Job, deadline: float) -> Order:
        job_id = job.id
        order = self._orders.get(job_id)
        if order is None:
            self._serial += 1
            order = Order(job, job_id, self._serial, deadline, asyncio.get_running_loop().create_future())
            self._orders[job_id] = order
        order.deadline = min(order.deadline, deadline)
        self._dispatch()
        return order

    def _withdraw(self, order: Order) -> None:
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

    def _send(self, worker: Worker, message: Message) -> None:
        self._send_to(worker.socket, worker.name, message)

    def _send_to(self, socket: zmq.asyncio.Socket, name: bytes, message: Message) -> None:
        # Not awaited: a ROUTER sends at once or drops what it cannot deliver, and beats show what was lost.
        socket.send_multipart([name, encode(message)])

    async def _listen(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            parts = await socket.recv_multipart()
            if len(parts) != 2:
                continue
            try:
                message = decode(parts[1])
                worker = self._workers.get(parts[0])
                if worker is not None and worker.socket is socket:
                    worker.heard = time.monotonic()
                    self._hear(worker, message)
                elif isinstance(message, Hello) and socket is not self._local:
                    self._welcome(socket, parts[0], message)
                else:
                    self._send_to(socket, parts[0], Who())
            except ProtocolError:
                continue

    def _welcome(self, socket: zmq.asyncio.Socket, name: bytes, hello: Hello) -> None:
        """Enrol a worker on another host, if it renders what this renderer is for."""
        if obstacle := hello.obstacle(self._generator, self._model):
            if hello.pid not in self._refused:
                self._refused.add(hello.pid)
                self._on_worker(WorkerEvent(self._count, "refused", hello.pid, obstacle))
            return
        index = self._count + sum(worker.process is None for worker in self._workers.values())
        worker = Worker(index, name, socket, hello.pid)
        self._workers[name] = worker
        self._reached, self._failure = True, None
        self._enter(worker, "starting")

    def _hear(self, worker: Worker, message: Message) -> None:
        match message:
            case Hello(version) if version != VERSION and worker.process:
                worker.unfit = RenderError(
                    f"the render process speaks version {version} of the protocol, the engine {VERSION}: reinstall aimv"
                )
                worker.process.kill()
            case Ready() if worker.state == "starting":
                self._enter(worker, "ready")
                self._dispatch()
            case Ack(job_id) if worker.order and worker.order.job_id == job_id:
                worker.acked = True
            case Progress(job_id, share) if worker.order and worker.order.job_id == job_id:
                self._on_progress(worker.order.job, share)
            case Piece(job_id) if worker.order and worker.order.job_id == job_id and worker.process is None:
                self._receive(worker, worker.order, message)
            case Done(job_id, elapsed, sent) if worker.order and worker.order.job_id == job_id:
                if worker.incoming is None or self._receive(worker, worker.order, sent):
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

    def _compare(self, worker: Worker, busy_with: str) -> None:
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
                self._blame(order, "does not do what it is given")
            self._idle(worker)

    def _receive(self, worker: Worker, order: Order, part: Piece | int) -> bool:
        """Take a piece of the clip from another host, or, told its size, the end of it; False if it has no place."""
        try:
            worker.take(part, self._store)
        except OSError as error:
            reason = f"cannot write the clip to {self._store.folder}: {error.strerror or error}"
            self._settle(order.job_id, OutputError(reason))
            self._idle(worker)
            return False
        return True

    def _finish(self, worker: Worker, order: Order, elapsed: float) -> None:
        clip = self._store.get(order.job)
        if clip is None:
            self._blame(order, "the clip is not in the store, or damaged")
        else:
            self._on_progress(order.job, 1.0)
            self._on_done(order.job, elapsed)
            self._settle(order.job_id, clip)
            self._store.trim()
        self._idle(worker)

    def _idle(self, worker: Worker) -> None:
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

    def _give_back(self, order: Order) -> None:
        """Put a job back into the queue, at its old place."""
        order.worker = None

    def _blame(self, order: Order, reason: str) -> None:
        """A worker has failed over this job without saying so: once more, or no more."""
        order.deaths += 1
        if order.deaths >= MAX_DEATHS:
            error = RenderError(f"gave up a clip after {order.deaths} tries; the render process {reason}")
            self._settle(order.job_id, error)
        else:
            self._give_back(order)

    def _enter(self, worker: Worker, state: State, detail: str = "") -> None:
        worker.state = state
        job_id = worker.order.job_id if worker.order else ""
        self._on_worker(WorkerEvent(worker.index, state, worker.pid, detail, job_id))

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
                index=index,
                generator=self._generator,
                model=self._model,
                store=self._store.folder,
                log=self._folder / f"{name}.log",
                back=self._back,
            )
            worker = Worker(index, name.encode(), self._local, process.pid, process)
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

    def _lose(self, worker: Worker, reason: str) -> None:
        del self._workers[worker.name]
        self._enter(worker, "lost", reason)
        worker.drop()
        if worker.order and worker.process:
            self._blame(worker.order, reason)
        elif worker.order:
            self._give_back(worker.order)
        self._dispatch()

    def _fail_all(self, error: AimvError) -> None:
        for job_id in list(self._orders):
            self._settle(job_id, error)

    async def _watch(self) -> None:
        """End workers that have fallen silent; their supervisors notice and go on from there."""
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
            if not (self._count or self._reached or self._failure) and now > patience:
                self._failure = unanswered(self._remotes)
                self._fail_all(self._failure)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)
