"""The worker's end of the line: a thread that owns the socket, keeps the heartbeat and notices an orphan's fate."""

import contextlib
import os
import queue
import shutil
import threading
import time
from pathlib import Path
from typing import Final

import zmq

from engine.errors import ProtocolError
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

_INNER: Final = "inproc://out"


class Wire(threading.Thread):
    """Connects to the engine at `endpoint` under the identity `name`.

    `jobs` yields jobs to render and None once it is time to stop. If the process `parent` ends, so does this one,
    at once and from whatever it is doing: the clip store bears that, and nobody is left to wait for it.
    """

    def __init__(self, endpoint: str, name: bytes, parent: int) -> None:
        super().__init__(name="wire", daemon=True)
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._endpoint = endpoint
        self._parent = parent
        self._withdrawn = threading.Event()
        self._stopped = threading.Event()
        self._closing = False
        self._job_id = ""
        self._ready = False
        self._context = zmq.Context()
        self._dealer = self._context.socket(zmq.DEALER)
        self._dealer.setsockopt(zmq.IDENTITY, name)
        self._dealer.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        self._dealer.setsockopt(zmq.LINGER, 1000)
        self._dealer.connect(endpoint)
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
        self._context.term()

    def run(self) -> None:
        """The thread: forwards both ways until `close`."""
        self._reply(Hello(VERSION, os.getpid()))
        poller = zmq.Poller()
        poller.register(self._dealer, zmq.POLLIN)
        poller.register(self._receiver, zmq.POLLIN)
        next_beat = time.monotonic()
        while not self._closing:
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + BEAT_SECONDS
                self._reply(Beat(self._job_id))
                if os.getppid() != self._parent:
                    self._leave()
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
                self._reply(Hello(VERSION, os.getpid()))
                if self._ready:
                    self._reply(Ready())
            case Stop():
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
        # Full only if thousands are queued and nobody listens; the next beats tell the engine what it missed.
        with contextlib.suppress(zmq.Again):
            self._dealer.send(encode(message), zmq.NOBLOCK)

    def _leave(self) -> None:
        """End the orphan, and take the folder of the engine's socket with it."""
        folder = Path(self._endpoint.removeprefix("ipc://")).parent
        if folder.name.startswith(FOLDER_PREFIX):
            shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)
