"""The worker's end of the line: to the engine of its own host, or offered to engines on others, one at a time."""

import contextlib
import os
import shutil
from pathlib import Path
from typing import Protocol

import msgspec
import zmq

from engine.errors import ProtocolError, UsageError
from engine.render.protocol import FOLDER_PREFIX, MAX_MESSAGE_BYTES, Hello, Message, Who, decode, encode
from engine.render.remote import Offer, bind


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
