"""The thread that speaks for the worker: it owns the line to the engine, keeps the heartbeat, and has the orders.

The worker's end of the line: to the engine of its own host, or offered to engines on others, one at a time.
"""

import contextlib
import os
import queue
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import msgspec
import zmq

from engine.errors import ProtocolError, UsageError
from engine.render.job import Job
from engine.render.protocol import (
    BEAT_SECONDS,
    FOLDER_PREFIX,
    MAX_MESSAGE_BYTES,
    VERSION,
    Ack,
    Beat,
    Cancel,
    Done,
    Failed,
    Finishing,
    Hello,
    Message,
    Ready,
    Stop,
    Who,
    Withdrawn,
    Work,
    decode,
    encode,
)
from engine.render.transport import Offer, bind


class End(Protocol):
    """What the worker has in hand of a line."""

    socket: zmq.Socket[bytes]
    engine: bytes  # the one it serves, "" for none

    def receive(self) -> Message | None:
        """What the engine says, if it is for us to hear; Who, if it has just been taken on."""
        ...

    def send(self, message: Message) -> None:
        """Send to the engine, at once or not at all: beats tell it what it missed."""
        ...

    def tend(self) -> None:
        """Called with every beat."""
        ...

    def close(self) -> None:
        """Close the socket."""
        ...


class Local(msgspec.Struct, frozen=True):
    """The engine of this host: where it listens, what it calls this process, and the process that it is.

    If that process ends, so does this one, at once and from whatever it is doing: the clip store bears that, and
    nobody is left to wait for it.
    """

    endpoint: str
    name: str
    parent: int


class LocalEnd:
    """The end of a line to the engine of this host."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], local: Local, hello: Hello) -> None:
        self._local = local
        self.engine = b"local"
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, local.name.encode())
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        self.socket.connect(local.endpoint)
        self.send(hello)

    def receive(self) -> Message | None:
        """See `End`."""
        return _read(self.socket.recv())

    def send(self, message: Message) -> None:
        """See `End`."""
        with contextlib.suppress(zmq.Again):  # thousands are queued
            self.socket.send(encode(message), zmq.NOBLOCK)

    def tend(self) -> None:
        """End the orphan, and take the folder of the engine's socket with it."""
        if os.getppid() != self._local.parent:
            folder = Path(self._local.endpoint.removeprefix("ipc://")).parent
            if folder.name.startswith(FOLDER_PREFIX):
                shutil.rmtree(folder, ignore_errors=True)
            os._exit(1)

    def close(self) -> None:
        """See `End`."""
        self.socket.close()


class OfferedEnd:
    """The end that engines on other hosts connect to: it serves the first that asks, until that one is gone.

    Raises:
        UsageError: the offer's address cannot be bound.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], offer: Offer, hello: Hello) -> None:
        self._hello = hello
        self.engine = b""
        try:
            self.socket, self._guard = bind(context, offer)
        except UsageError:
            context.destroy(0)
            raise

    def receive(self) -> Message | None:
        """See `End`."""
        engine, *parts = self.socket.recv_multipart()
        message = _read(b"".join(parts))
        if isinstance(message, Who):
            return message if self._answer(engine, message) else None
        return message if engine == self.engine else None

    def send(self, message: Message) -> None:
        """See `End`."""
        if self.engine and not self._send_to(self.engine, message):
            self.engine = b""

    def tend(self) -> None:
        """See `End`; the beat itself tells whether the engine is still there."""

    def close(self) -> None:
        """See `End`."""
        self.socket.close()
        self._guard.stop()

    def _answer(self, engine: bytes, who: Who) -> bool:
        """Say Hello to whoever asks; whether it is served from now on."""
        taken = self.engine not in (b"", engine)
        hello = msgspec.structs.replace(self._hello, taken=taken)
        serving = not hello.obstacle(who)
        if serving:
            self.engine = engine
        self._send_to(engine, hello)
        return serving

    def _send_to(self, engine: bytes, message: Message) -> bool:
        """Whether that engine is still connected."""
        try:
            self.socket.send_multipart([engine, encode(message)], zmq.NOBLOCK)
        except zmq.Again:
            pass  # thousands are queued
        except zmq.ZMQError as error:
            if error.errno == zmq.EHOSTUNREACH:
                return False
            raise
        return True


def _read(data: bytes) -> Message | None:
    try:
        return decode(data)
    except ProtocolError:
        return None  # the engine counts what it sends; nothing can be done about it here


_INNER: Final = "inproc://out"


@dataclass
class _Order:
    """A job that the worker has."""

    engine: bytes  # whose it is
    finishing: bool = False
    withdrawn: threading.Event = field(default_factory=threading.Event)


class Wire(threading.Thread):
    """The line to the engine of this host, or to one that takes up an `Offer`.

    `jobs` yields jobs to render and None once it is time to stop.

    Raises:
        UsageError: the offer's address cannot be bound.
    """

    def __init__(self, engine: Local | Offer, generator: str, model: str) -> None:
        super().__init__(name="wire", daemon=True)
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._orders: dict[str, _Order] = {}  # in the order in which they came; changed by this thread alone
        self._stopped = threading.Event()
        self._closing = False
        self._ready = False
        self._context = zmq.Context()
        hello = Hello(VERSION, os.getpid(), generator, model)
        self._end: End
        if isinstance(engine, Local):
            self._end = LocalEnd(self._context, engine, hello)
        else:
            self._end = OfferedEnd(self._context, engine, hello)
        self._local = isinstance(engine, Local)
        self._end.socket.setsockopt(zmq.LINGER, 1000)
        self._receiver = self._context.socket(zmq.PULL)
        self._receiver.bind(_INNER)
        self._sender = self._context.socket(zmq.PUSH)  # what the other threads have of the line, one at a time
        self._sender.connect(_INNER)
        self._sending = threading.Lock()

    def send(self, message: Message) -> None:
        """Send, from any thread."""
        with self._sending:
            self._sender.send(encode(message))

    def cancelled(self, job_id: str) -> bool:
        """Whether that job is to be given up."""
        return self._stopped.is_set() or self._orders[job_id].withdrawn.is_set()

    def stop(self) -> None:
        """Give up the jobs in hand and end `jobs`; safe in a signal handler."""
        self._stopped.set()
        self.jobs.put(None)

    def close(self) -> None:
        """Send what is left, end the thread, close the sockets."""
        with self._sending:
            self._sender.send(b"")  # the last word on the inner line
        self.join()
        self._end.close()
        for socket in (self._receiver, self._sender):
            socket.close()
        self._context.term()

    def run(self) -> None:
        """The thread: forwards both ways until `close`."""
        poller = zmq.Poller()
        poller.register(self._end.socket, zmq.POLLIN)
        poller.register(self._receiver, zmq.POLLIN)
        next_beat = time.monotonic()
        while not self._closing:
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + BEAT_SECONDS
                self._end.send(Beat(tuple(self._orders)))
                self._end.tend()
            ready = dict(poller.poll(max(0, int((next_beat - time.monotonic()) * 1000))))
            if self._receiver in ready:
                self._forward(self._receiver.recv())
            if self._end.socket in ready:
                self._hear()

    def _forward(self, data: bytes) -> None:
        """Pass on what the worker said; the beat changes its tune only after the engine was told why."""
        if not data:
            self._closing = True
            return
        message = decode(data)
        self._end.send(message)
        match message:
            case Ready():
                self._ready = True
            case Finishing(job_id):
                self._orders[job_id].finishing = True
            case Done(job_id) | Failed(job_id) | Withdrawn(job_id):
                self._orders.pop(job_id, None)  # it may have been of no job

    def _hear(self) -> None:
        match self._end.receive():
            case Work(job):
                self._take(job)
            case Cancel(job_id) if order := self._orders.get(job_id):
                order.withdrawn.set()
            case Who():
                for order in self._orders.values():
                    if order.engine != self._end.engine:
                        order.withdrawn.set()  # that engine is gone
                if self._ready:
                    self._end.send(Ready())
            case Stop() if self._local:
                self.stop()
            case _:
                pass

    def _take(self, job: Job) -> None:
        """Accept a job if all others are in their last stage or given up; a repeated one is acknowledged again."""
        if job.id not in self._orders:
            if not all(order.finishing or order.withdrawn.is_set() for order in self._orders.values()):
                return
            self._orders[job.id] = _Order(self._end.engine)
            self.jobs.put(job)
        self._end.send(Ack(job.id))
