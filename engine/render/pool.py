"""The engine's side of rendering: hands jobs to render processes and sees every one through.

A job is accepted by `Renderer.render` and stays with the renderer until its clip is in the store, it has failed, or
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
from engine.render.auth import key_of_host, own_keys
from engine.render.cache import ClipStore
from engine.render.job import Clip, Job
from engine.render.process import RenderProcess
from engine.render.protocol import (
    FOLDER_PREFIX,
    VERSION,
    Ack,
    Beat,
    Cancel,
    Done,
    Failed,
    Finishing,
    Hello,
    Message,
    Piece,
    Progress,
    Ready,
    Stop,
    Who,
    Withdrawn,
    Work,
)
from engine.render.queue import Loan, Order, Orders, State, Worker, WorkerEvent
from engine.render.transport import Address, Lines, Remote, unanswered

__all__ = ["FROZEN_SECONDS", "MAX_DEATHS", "Renderer", "WorkerEvent"]

MAX_DEATHS = 3  # workers that one job may cost
FROZEN_SECONDS = 3.0  # silence after which a working process counts as frozen
_LOADING_SECONDS = 120.0  # the same while its generator loads: imports may hold Python's lock for long
_WATCH_SECONDS = 0.25
_REACH_SECONDS = 60.0  # in which a worker on another host should answer, where there is none here
_MISSED_BEATS = 3  # a worker that so often does not name a job never got it


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
        self._who = Who(VERSION, generator, model)
        self._count = workers
        self._remotes = remotes
        self._back = back
        self._on_progress = on_progress
        self._on_done = on_done
        self._on_worker = on_worker
        self._orders = Orders()
        self._workers: dict[Address, Worker] = {}
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
            self._lines = Lines(folder, self._remotes)
            stack.callback(self._lines.close)
            stack.push_async_callback(self._end_tasks)
            self._group = await asyncio.TaskGroup().__aenter__()
            self._tasks = [self._group.create_task(self._watch(), name="renderer: watch")]
            for name, listening in self._lines.listeners(self._hear):
                self._tasks.append(self._group.create_task(listening, name=f"renderer: listen {name}"))
            for index in range(self._count):
                self._supervisors += 1
                self._tasks.append(self._group.create_task(self._supervise(index), name=f"renderer: worker {index}"))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers.values():
            for job_id in worker.loans if worker.process is None else ():
                self._send(worker, Cancel(job_id))
        self._orders.fail_all(RenderError("the renderer was closed"))
        await self._stack.aclose()

    def stored(self, job: Job) -> Clip | None:
        """The clip of `job` if it need not be rendered."""
        return self._store.get(job)

    def release(self, clip: Clip) -> None:
        """The clip is not needed any more; the store may remove it to make room."""
        self._store.release(clip.job_id)

    async def render(
        self, job: Job, deadline: float | None = None, on_last: Callable[[bool], None] = lambda finishing: None
    ) -> Clip:
        """The clip of `job`: from the store, or rendered, however many workers die over it.

        Any number of calls may wait at once; those with the earliest `deadline` (any clock, seconds) go first, then
        those without one, in order of submission. Equal jobs are rendered once. Cancelling the call withdraws the job.
        `on_last` is told True when the job enters its last stage, beside which its worker can begin another, and False
        if that stage was cut short.

        Raises:
            RenderError: it cannot be rendered; one line says why.
            ModelError, OutputError, UsageError: the generator cannot be loaded, the clip cannot be written.
        """
        if clip := self._store.get(job):
            return clip
        if self._failure and not self._supervisors:
            raise self._failure
        order = self._orders.accept(job, float("inf") if deadline is None else deadline)
        order.waiters.append(on_last)
        if order.loan and order.loan.finishing:
            on_last(True)
        self._dispatch()
        try:
            return await asyncio.shield(order.done)
        finally:
            order.waiters.remove(on_last)
            if not order.waiters and not order.done.done():
                self._withdraw(order)

    def _withdraw(self, order: Order) -> None:
        self._orders.withdraw(order)
        for worker in self._workers.values():
            if order.job_id in worker.loans:
                self._send(worker, Cancel(order.job_id))

    def _dispatch(self) -> None:
        """Give waiting jobs to workers that can begin one, the most urgent first; none overtakes another."""
        for order in self._orders.waiting():
            able = [worker for worker in self._workers.values() if worker.takes(order)]
            if not able:
                return
            worker = min(able, key=lambda worker: len(worker.loans))
            order.loan = worker.loans[order.job_id] = Loan(order)
            self._enter(worker, "rendering")
            self._send(worker, Work(order.job))

    def _send(self, worker: Worker, message: Message) -> None:
        self._lines.send(worker.address, message)

    def _hear(self, address: Address, message: Message) -> None:
        if worker := self._workers.get(address):
            worker.heard = time.monotonic()
            self._hear_worker(worker, message)
        elif isinstance(message, Hello) and address.line:
            self._welcome(address, message)

    def _welcome(self, address: Address, hello: Hello) -> None:
        """Enrol a worker on another host, if it renders what this renderer is for and serves nobody else."""
        if obstacle := hello.obstacle(self._who):
            if self._refused.get(hello.pid) != obstacle:
                self._refused[hello.pid] = obstacle
                self._on_worker(WorkerEvent(self._count, "refused", hello.pid, obstacle))
            return
        index = self._count + sum(worker.process is None for worker in self._workers.values())
        worker = self._workers[address] = Worker(index, address, hello.pid)
        self._reached, self._failure = True, None
        self._enter(worker, "starting")

    def _hear_worker(self, worker: Worker, message: Message) -> None:
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
            case Beat(job_ids):
                for loan in list(worker.loans.values()):
                    self._compare(worker, loan, job_ids)
            case Hello() | Ready() | Work() | Cancel() | Who() | Stop():
                pass
            case _ if told := worker.loans.get(message.job_id):
                self._hear_of_job(worker, told, message)

    def _hear_of_job(self, worker: Worker, loan: Loan, message: Message) -> None:
        """What a worker says of a job that it has."""
        match message:
            case Ack():
                loan.acked = True
            case Progress(_, share):
                self._on_progress(loan.order.job, share)
            case Finishing():
                loan.finishing = True
                loan.order.tell(True)
                self._dispatch()
            case Piece() if worker.process is None:
                self._receive(worker, loan, message)
            case Done(_, elapsed, sent):
                if loan.incoming is None or self._receive(worker, loan, sent):
                    self._finish(worker, loan, elapsed)
            case Failed(job_id):
                self._orders.settle(job_id, message.error())
                self._end(worker, loan)
            case Withdrawn():
                self._end(worker, loan)
            case _:
                pass

    def _compare(self, worker: Worker, loan: Loan, busy_with: tuple[str, ...]) -> None:
        """A beat that does not name a job that is out with the worker: a message was lost, which one the Ack tells."""
        if loan.order.job_id in busy_with:
            loan.missed = 0
            return
        loan.missed += 1
        if loan.acked or loan.missed >= _MISSED_BEATS:
            if clip := self._store.get(loan.order.job):
                self._orders.settle(clip.job_id, clip)
            else:
                self._blame(loan.order, "does not do what it is given")
            self._end(worker, loan)

    def _receive(self, worker: Worker, loan: Loan, part: Piece | int) -> bool:
        """Take a piece of the clip from another host, or, told its size, the end of it; False if it has no place."""
        try:
            loan.take(part, self._store)
        except OSError as error:
            reason = f"cannot write the clip to {self._store.folder}: {error.strerror or error}"
            self._orders.settle(loan.order.job_id, OutputError(reason))
            self._end(worker, loan)
            return False
        return True

    def _finish(self, worker: Worker, loan: Loan, elapsed: float) -> None:
        order = loan.order
        clip = self._store.get(order.job)
        if clip is None:
            self._blame(order, "the clip is not in the store, or damaged")
        else:
            self._on_progress(order.job, 1.0)
            self._on_done(order.job, elapsed)
            self._orders.settle(order.job_id, clip)
            self._store.trim()
        self._end(worker, loan)

    def _end(self, worker: Worker, loan: Loan) -> None:
        """The worker has done with the job, in whatever way."""
        del worker.loans[loan.order.job_id]
        loan.end()
        if not worker.loans:
            self._enter(worker, "ready")
        self._dispatch()

    def _blame(self, order: Order, reason: str) -> None:
        """A worker has failed over this job without saying so: once more, or no more."""
        order.deaths += 1
        if order.deaths >= MAX_DEATHS:
            error = RenderError(f"gave up a clip after {order.deaths} tries; the render process {reason}")
            self._orders.settle(order.job_id, error)

    def _enter(self, worker: Worker, state: State, detail: str = "") -> None:
        worker.state = state
        self._on_worker(WorkerEvent(worker.index, state, worker.pid, detail, tuple(worker.loans)))

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
                self._lines.endpoint,
                name,
                index=index,
                generator=self._generator,
                model=self._model,
                store=self._store.folder,
                log=self._folder / f"{name}.log",
                back=self._back,
            )
            address = Address(0, name.encode())
            worker = self._workers[address] = Worker(index, address, process.pid, process)
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
            self._orders.fail_all(failure)

    def _lose(self, worker: Worker, reason: str) -> None:
        del self._workers[worker.address]
        self._enter(worker, "lost", reason)
        for loan in worker.loans.values():
            if worker.process:
                self._blame(loan.order, reason)
            loan.end()
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
            self._lines.ask(self._who, self._workers)
            if not (self._count or self._reached or self._failure) and now > patience:
                self._failure = unanswered(self._remotes, self._refused.values())
                self._orders.fail_all(self._failure)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)


MOST = 16  # processes on one host


class Crew(msgspec.Struct, frozen=True):
    """The workers of a renderer."""

    local: int = 1
    remotes: tuple[Remote, ...] = ()

    @property
    def size(self) -> int:
        """How many clips can be in work at once."""
        return self.local + len(self.remotes)


def crew(local: int, addresses: tuple[str, ...], keys: Path) -> Crew:
    """`local` processes here and one at each of the `addresses` (tcp://HOST:PORT), with the keys in folder `keys`.

    Raises:
        UsageError: nobody would render, an address is none, or keys are missing.
    """
    if not 0 <= local <= MOST:
        raise UsageError(f"{local} render processes are not possible: choose from 0 to {MOST}")
    if not local and not addresses:
        raise UsageError("nobody would render: ask for at least one process here, or name one with --worker")
    return Crew(
        local, tuple(Remote(address, key_of_host(keys, _host(address)), own_keys(keys)) for address in addresses)
    )


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        if parts.scheme == "tcp" and parts.hostname and parts.port:
            return parts.hostname
    except ValueError:
        pass
    raise UsageError(f"{address} is no address of a render process: give tcp://HOST:PORT")
