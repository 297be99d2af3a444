"""Connection of a render process to its engine: a thread with the socket, the heartbeat and the accepted jobs.

The engine runs on this host, or it is one of those on other hosts that the process offers itself to, one at a time.
"""

import abc
import contextlib
import os
import queue
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import zmq

from engine.errors import ProtocolError, UsageError
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
    Job,
    Message,
    Ready,
    ServiceRequest,
    Stop,
    decode,
    encode,
)
from engine.render.transport import WorkerOffer, bind


class EngineSocket(abc.ABC):
    """The worker's socket to its engine."""

    socket: zmq.Socket[bytes]
    engine: bytes  # the identity of the engine that is served, "" for none

    @abc.abstractmethod
    def receive(self) -> Message | None:
        """The next message of the engine that is served; ServiceRequest if it is served from now on."""

    @abc.abstractmethod
    def send(self, message: Message) -> None:
        """Send to the engine at once, or drop the message: heartbeats show what was lost."""

    def on_heartbeat(self) -> None:  # noqa: B027 - only the socket of this host has something to do
        """Called with every heartbeat."""

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


class LocalEngine(msgspec.Struct, frozen=True):
    """The engine of this host: its endpoint, the identity that it has given this worker, and its process id.

    When that process ends, so does this one, at once and whatever it is doing: the clip cache survives that, and
    nobody waits for the clip.
    """

    endpoint: str
    identity: str
    pid: int


class LocalSocket(EngineSocket):
    """The socket to the engine of this host."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], local: LocalEngine, hello: Hello) -> None:
        self._local = local
        self.engine = b"local"
        self.socket = context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IDENTITY, local.identity.encode())
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        self.socket.connect(local.endpoint)
        self.send(hello)

    def receive(self) -> Message | None:
        return _decode(self.socket.recv())

    def send(self, message: Message) -> None:
        with contextlib.suppress(zmq.Again):  # the queue of ZeroMQ is full
            self.socket.send(encode(message), zmq.NOBLOCK)

    def on_heartbeat(self) -> None:
        """End an orphaned process, and remove the folder of the engine's socket."""
        if os.getppid() != self._local.pid:
            folder = Path(self._local.endpoint.removeprefix("ipc://")).parent
            if folder.name.startswith(FOLDER_PREFIX):
                shutil.rmtree(folder, ignore_errors=True)
            os._exit(1)


class OfferedSocket(EngineSocket):
    """The socket that engines on other hosts connect to; the first that requests service is served until it goes.

    Raises:
        UsageError: the offer's address cannot be bound.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], offer: WorkerOffer, hello: Hello) -> None:
        self._hello = hello
        self.engine = b""
        try:
            self.socket, self._authenticator = bind(context, offer)
        except UsageError:
            context.destroy(0)
            raise

    def receive(self) -> Message | None:
        engine, *parts = self.socket.recv_multipart()
        message = _decode(b"".join(parts))
        if isinstance(message, ServiceRequest):
            return message if self._answer(engine, message) else None
        return message if engine == self.engine and not isinstance(message, Stop) else None

    def send(self, message: Message) -> None:
        if self.engine and not self._send_to(self.engine, message):
            self.engine = b""

    def close(self) -> None:
        super().close()
        self._authenticator.stop()

    def _answer(self, engine: bytes, request: ServiceRequest) -> bool:
        """Answer with Hello; whether that engine is served from now on."""
        busy = self.engine not in (b"", engine)
        hello = msgspec.structs.replace(self._hello, busy=busy)
        accepted = not hello.refusal(request)
        if accepted:
            self.engine = engine
        self._send_to(engine, hello)
        return accepted

    def _send_to(self, engine: bytes, message: Message) -> bool:
        """Whether that engine is still connected."""
        try:
            self.socket.send_multipart([engine, encode(message)], zmq.NOBLOCK)
        except zmq.Again:
            pass  # the queue of ZeroMQ is full
        except zmq.ZMQError as error:
            if error.errno == zmq.EHOSTUNREACH:
                return False
            raise
        return True


def _decode(data: bytes) -> Message | None:
    try:
        return decode(data)
    except ProtocolError:
        return None  # the engine notices when its message has no effect


_OUTGOING: Final = "inproc://outgoing"


@dataclass
class _AcceptedJob:
    engine: bytes  # that has assigned it
    finishing: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)


class Connection(threading.Thread):
    """Thread that exchanges messages with the engine of this host, or with those that use a `WorkerOffer`.

    `jobs` yields jobs to render, and None when it is time to stop.

    Raises:
        UsageError: the offer's address cannot be bound.
    """

    def __init__(self, engine: LocalEngine | WorkerOffer, generator: str, model: str) -> None:
        super().__init__(name="connection", daemon=True)
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._accepted: dict[str, _AcceptedJob] = {}  # by job id, in order; only this thread changes it
        self._stopped = threading.Event()
        self._closing = False
        self._ready = False
        self._context = zmq.Context()
        hello = Hello(VERSION, os.getpid(), generator, model)
        self._engine: EngineSocket = (
            LocalSocket(self._context, engine, hello)
            if isinstance(engine, LocalEngine)
            else OfferedSocket(self._context, engine, hello)
        )
        self._engine.socket.setsockopt(zmq.LINGER, 1000)
        self._receiver = self._context.socket(zmq.PULL)
        self._receiver.bind(_OUTGOING)
        self._sender = self._context.socket(zmq.PUSH)  # for the other threads, one at a time
        self._sender.connect(_OUTGOING)
        self._send_lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Send, from any thread."""
        with self._send_lock:
            self._sender.send(encode(message))

    def cancelled(self, job_id: str) -> bool:
        """Whether that accepted job is cancelled."""
        return self._stopped.is_set() or self._accepted[job_id].cancelled.is_set()

    def stop(self) -> None:
        """Cancel the accepted jobs and end `jobs`; safe in a signal handler."""
        self._stopped.set()
        self.jobs.put(None)

    def close(self) -> None:
        """Send what is left, end the thread, close the sockets."""
        with self._send_lock:
            self._sender.send(b"")  # ends the thread
        self.join()
        self._engine.close()
        for socket in (self._receiver, self._sender):
            socket.close()
        self._context.term()

    def run(self) -> None:
        """The thread: forwards both ways until `close`."""
        poller = zmq.Poller()
        poller.register(self._engine.socket, zmq.POLLIN)
        poller.register(self._receiver, zmq.POLLIN)
        next_heartbeat = time.monotonic()
        while not self._closing:
            if time.monotonic() >= next_heartbeat:
                next_heartbeat = time.monotonic() + HEARTBEAT_SECONDS
                self._engine.send(Heartbeat(tuple(self._accepted)))
                self._engine.on_heartbeat()
            ready = dict(poller.poll(max(0, int((next_heartbeat - time.monotonic()) * 1000))))
            if self._receiver in ready:
                self._forward(self._receiver.recv())
            if self._engine.socket in ready:
                self._receive()

    def _forward(self, data: bytes) -> None:
        """Send the engine a message of another thread; heartbeats change only after it."""
        if not data:
            self._closing = True
            return
        message = decode(data)
        self._engine.send(message)
        match message:
            case Ready():
                self._ready = True
            case Finishing(job_id):
                self._accepted[job_id].finishing = True
            case Done(job_id) | Failed(job_id) | CancelAck(job_id):
                self._accepted.pop(job_id, None)  # Failed may concern no job

    def _receive(self) -> None:
        match self._engine.receive():
            case Assign(job):
                self._accept(job)
            case Cancel(job_id) if accepted := self._accepted.get(job_id):
                accepted.cancelled.set()
            case ServiceRequest():
                for each in self._accepted.values():
                    if each.engine != self._engine.engine:
                        each.cancelled.set()  # that engine is gone
                if self._ready:
                    self._engine.send(Ready())
            case Stop():
                self.stop()

    def _accept(self, job: Job) -> None:
        """Accept a job if all others are in their final stage or cancelled; a repeated one is acknowledged again."""
        if job.id not in self._accepted:
            if not all(each.finishing or each.cancelled.is_set() for each in self._accepted.values()):
                return
            self._accepted[job.id] = _AcceptedJob(self._engine.engine)
            self.jobs.put(job)
        self._engine.send(Ack(job.id))
