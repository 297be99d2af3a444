"""The worker's end of the line: a thread that owns the socket, keeps the heartbeat and notices an orphan's fate."""

import contextlib
import os
import queue
import shutil
import threading
import time
from pathlib import Path
from typing import Final

import msgspec
import zmq
from zmq.auth.thread import ThreadAuthenticator

from engine.errors import ProtocolError, UsageError
from engine.messages import Job
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
from engine.render.remote import Offer, bind

_INNER: Final = "inproc://out"


class Local(msgspec.Struct, frozen=True):
    """The engine of this host: where it listens, what it calls this process, and the process that it is.

    If that process ends, so does this one, at once and from whatever it is doing: the clip store bears that, and
    nobody is left to wait for it.
    """

    endpoint: str
    name: str
    parent: int


class Wire(threading.Thread):
    """The line to the engine of this host, or to one that takes up an `Offer`.

    `jobs` yields jobs to render and None once it is time to stop.

    Raises:
        UsageError: the offer's address cannot be bound.
    """

    def __init__(self, engine: Local | Offer, generator: str, model: str) -> None:
        super().__init__(name="wire", daemon=True)
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._engine = engine
        self._hello = Hello(VERSION, os.getpid(), generator, model)
        self._withdrawn = threading.Event()
        self._stopped = threading.Event()
        self._closing = False
        self._job_id = ""
        self._ready = False
        self._context = zmq.Context()
        self._guard: ThreadAuthenticator | None = None
        if isinstance(engine, Local):
            self._dealer: zmq.Socket[bytes] = self._context.socket(zmq.DEALER)
            self._dealer.setsockopt(zmq.IDENTITY, engine.name.encode())
            self._dealer.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
            self._dealer.connect(engine.endpoint)
        else:
            try:
                self._dealer, self._guard = bind(self._context, engine)
            except UsageError:
                self._context.destroy(0)
                raise
        self._dealer.setsockopt(zmq.LINGER, 1000)
        self._receiver = self._context.socket(zmq.PULL)
        self._receiver.bind(_INNER)
        self._sender = self._context.socket(zmq.PUSH)  # the only socket that the main thread touches
        self._sender.connect(_INNER)

    def send(self, message: Message) -> None:
        """Send from the main thread."""
        self._sender.send(encode(message))

    def cancelled(self) -> bool:
        """Whether the job in hand is to be given up."""
        return self._withdrawn.is_set() or self._stopped.is_set()

    def stop(self) -> None:
        """Give up the job in hand and end `jobs`; safe in a signal handler."""
        self._stopped.set()
        self.jobs.put(None)

    def close(self) -> None:
        """Send what is left, end the thread, close the sockets."""
        self._sender.send(b"")  # the last word on the inner line
        self.join()
        for socket in (self._dealer, self._receiver, self._sender):
            socket.close()
        if self._guard:
            self._guard.stop()
        self._context.term()

    def run(self) -> None:
        """The thread: forwards both ways until `close`."""
        self._reply(self._hello)
        poller = zmq.Poller()
        poller.register(self._dealer, zmq.POLLIN)
        poller.register(self._receiver, zmq.POLLIN)
        next_beat = time.monotonic()
        while not self._closing:
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + BEAT_SECONDS
                self._reply(Beat(self._job_id))
                if isinstance(self._engine, Local) and os.getppid() != self._engine.parent:
                    self._leave(self._engine)
            ready = dict(poller.poll(max(0, int((next_beat - time.monotonic()) * 1000))))
            if self._receiver in ready:
                self._forward(self._receiver.recv())
            if self._dealer in ready:
                self._hear(self._dealer.recv())

    def _forward(self, data: bytes) -> None:
        """Pass on what the main thread said; the beat changes its tune only after the engine was told why."""
        if not data:
            self._closing = True
            return
        message = decode(data)
        self._reply(message)
        if isinstance(message, Ready):
            self._ready = True
        elif isinstance(message, Done | Failed | Withdrawn):
            self._job_id = ""

    def _hear(self, data: bytes) -> None:
        try:
            message = decode(data)
        except ProtocolError:
            return  # the engine counts what it sends; nothing can be done about it here
        match message:
            case Work(job):
                self._take(job)
            case Cancel(job_id) if job_id == self._job_id:
                self._withdrawn.set()
            case Who():
                self._reply(self._hello)
                if self._ready:
                    self._reply(Ready())
            case Stop() if isinstance(self._engine, Local):
                self.stop()
            case _:
                pass

    def _take(self, job: Job) -> None:
        """Accept a job unless busy; a repeated one is acknowledged again."""
        if not self._job_id:
            self._job_id = job.id
            self._withdrawn.clear()
            self.jobs.put(job)
        if self._job_id == job.id:
            self._reply(Ack(job.id))

    def _reply(self, message: Message) -> None:
        # Refused only if thousands are queued, or nobody is there to listen; beats tell the engine what it missed.
        with contextlib.suppress(zmq.Again):
            self._dealer.send(encode(message), zmq.NOBLOCK)

    def _leave(self, engine: Local) -> None:
        """End the orphan, and take the folder of the engine's socket with it."""
        folder = Path(engine.endpoint.removeprefix("ipc://")).parent
        if folder.name.startswith(FOLDER_PREFIX):
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)
