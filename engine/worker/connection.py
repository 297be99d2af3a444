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
    FOLDER_PREFIX,
    HEARTBEAT_SECONDS,
    MAX_MESSAGE_BYTES,
    VERSION,
    Ack,
    Assign,
    Cancel,
    CancelAck,
    Done,
    Failed,
    Finishing,
    Heartbeat,
    Hello,
    Message,
    Ready,
    ServiceRequest,
    Stop,
    decode,
    encode,
)
from engine.render.transport import WorkerOffer, bind


class EngineSocket(Protocol):
    """What the worker has in hand of a line."""

    socket: zmq.Socket[bytes]
    engine: bytes  # the one it serves, "" for none

    def receive(self) -> Message | None:
        """What the engine says, if it is for us to hear; ServiceRequest, if it has just been taken on."""
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


class LocalEngine(msgspec.Struct, frozen=True):
    """The engine of this host: where it listens, what it calls this process, and the process that it is.

    If that process ends, so does this one, at once and from whatever it is doing: the clip cache bears that, and
    nobody is left to wait for it.
    """

    endpoint: str
    name: str
    parent: int


class LocalSocket:
    """The end of a line to the engine of this host."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], local: LocalEngine, hello: Hello) -> None:
        self._local = local
        self.engine = b"local"
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, local.name.encode())
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        self.socket.connect(local.endpoint)
        self.send(hello)

    def receive(self) -> Message | None:
        """See `EngineSocket`."""
        return _read(self.socket.recv())

    def send(self, message: Message) -> None:
        """See `EngineSocket`."""
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
        """See `EngineSocket`."""
        self.socket.close()


class OfferedSocket:
    """The end that engines on other hosts connect to: it serves the first that asks, until that one is gone.

    Raises:
        UsageError: the offer's address cannot be bound.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], offer: WorkerOffer, hello: Hello) -> None:
        self._hello = hello
        self.engine = b""
        try:
            self.socket, self._guard = bind(context, offer)
        except UsageError:
            context.destroy(0)
            raise

    def receive(self) -> Message | None:
        """See `EngineSocket`."""
        engine, *parts = self.socket.recv_multipart()
        message = _read(b"".join(parts))
        if isinstance(message, ServiceRequest):
            return message if self._answer(engine, message) else None
        return message if engine == self.engine else None

    def send(self, message: Message) -> None:
        """See `EngineSocket`."""
        if self.engine and not self._send_to(self.engine, message):
            self.engine = b""

    def tend(self) -> None:
        """See `EngineSocket`; the beat itself tells whether the engine is still there."""

    def close(self) -> None:
        """See `EngineSocket`."""
        self.socket.close()
        self._guard.stop()

    def _answer(self, engine: bytes, who: ServiceRequest) -> bool:
        """Say Hello to whoever asks; whether it is served from now on."""
        taken = self.engine not in (b"", engine)
        hello = msgspec.structs.replace(self._hello, taken=taken)
        serving = not hello.refusal(who)
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
class _AcceptedJob:
    """A job that the worker has."""

    engine: bytes  # whose it is
    finishing: bool = False
    withdrawn: threading.Event = field(default_factory=threading.Event)


class Connection(threading.Thread):
    """The line to the engine of this host, or to one that takes up an `WorkerOffer`.

    `jobs` yields jobs to render and None once it is time to stop.

    Raises:
        UsageError: the offer's address cannot be bound.
    """

    def __init__(self, engine: LocalEngine | WorkerOffer, generator: str, model: str) -> None:
        super().__init__(name="connection", daemon=True)
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._accepted: dict[str, _AcceptedJob] = {}  # in the order in which they came; changed by this thread alone
        self._stopped = threading.Event()
        self._closing = False
        self._ready = False
        self._context = zmq.Context()
        hello = Hello(VERSION, os.getpid(), generator, model)
        self._socket: EngineSocket
        if isinstance(engine, LocalEngine):
            self._socket = LocalSocket(self._context, engine, hello)
        else:
            self._socket = OfferedSocket(self._context, engine, hello)
        self._local = isinstance(engine, LocalEngine)
        self._socket.socket.setsockopt(zmq.LINGER, 1000)
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
        return self._stopped.is_set() or self._accepted[job_id].withdrawn.is_set()

    def stop(self) -> None:
        """Give up the jobs in hand and end `jobs`; safe in a signal handler."""
        self._stopped.set()
        self.jobs.put(None)

    def close(self) -> None:
        """Send what is left, end the thread, close the sockets."""
        with self._sending:
            self._sender.send(b"")  # the last word on the inner line
        self.join()
        self._socket.close()
        for socket in (self._receiver, self._sender):
            socket.close()
        self._context.term()

    def run(self) -> None:
        """The thread: forwards both ways until `close`."""
        poller = zmq.Poller()
        poller.register(self._socket.socket, zmq.POLLIN)
        poller.register(self._receiver, zmq.POLLIN)
        next_beat = time.monotonic()
        while not self._closing:
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + HEARTBEAT_SECONDS
                self._socket.send(Heartbeat(tuple(self._accepted)))
                self._socket.tend()
            ready = dict(poller.poll(max(0, int((next_beat - time.monotonic()) * 1000))))
            if self._receiver in ready:
                self._forward(self._receiver.recv())
            if self._socket.socket in ready:
                self._hear()

    def _forward(self, data: bytes) -> None:
        """Pass on what the worker said; the beat changes its tune only after the engine was told why."""
        if not data:
            self._closing = True
            return
        message = decode(data)
        self._socket.send(message)
        match message:
            case Ready():
                self._ready = True
            case Finishing(job_id):
                self._accepted[job_id].finishing = True
            case Done(job_id) | Failed(job_id) | CancelAck(job_id):
                self._accepted.pop(job_id, None)  # it may have been of no job

    def _hear(self) -> None:
        match self._socket.receive():
            case Assign(job):
                self._take(job)
            case Cancel(job_id) if accepted := self._accepted.get(job_id):
                accepted.withdrawn.set()
            case ServiceRequest():
                for accepted in self._accepted.values():
                    if accepted.engine != self._socket.engine:
                        accepted.withdrawn.set()  # that engine is gone
                if self._ready:
                    self._socket.send(Ready())
            case Stop() if self._local:
                self.stop()
            case _:
                pass

    def _take(self, job: Job) -> None:
        """Accept a job if all others are in their last stage or given up; a repeated one is acknowledged again."""
        if job.id not in self._accepted:
            if not all(each.finishing or each.withdrawn.is_set() for each in self._accepted.values()):
                return
            self._accepted[job.id] = _AcceptedJob(self._socket.engine)
            self.jobs.put(job)
        self._socket.send(Ack(job.id))
