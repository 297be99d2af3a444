"""The line between an engine and render processes on other hosts: TCP, encrypted, each side known by its key.

The render process binds, the engine connects, so one engine may use many hosts. A process serves one engine at a time;
that it may answer others as well, both ends are ROUTERs.

The engine's ends of its lines: a socket for the processes of this host, and one to each process on another.
"""

import contextlib
from collections.abc import Callable, Collection, Container, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import zmq
import zmq.asyncio
from zmq.auth.thread import ThreadAuthenticator

from engine.errors import ProtocolError, RenderError, UsageError
from engine.render.auth import KeyPair
from engine.render.protocol import MAX_MESSAGE_BYTES, Message, ServiceRequest, decode, encode

WORKER = b"worker"  # what every such process is called, since each has a connection of its own
_HEARTBEAT_MS, _SILENCE_MS = 1000, 3000  # a connection that is silent for so long is made anew


class RemoteWorker(msgspec.Struct, frozen=True):
    """A render process on another host: its address (tcp://host:port), its public key, and the engine's own keys."""

    address: str
    public: bytes
    own: KeyPair


class WorkerOffer(msgspec.Struct, frozen=True):
    """What a render process offers itself with: where, with which keys, to whom (a folder of public `.key` files)."""

    address: str
    own: KeyPair
    allowed: Path


def connect(context: zmq.asyncio.Context, remote: RemoteWorker, engine: str) -> zmq.asyncio.Socket:
    """The socket of the engine called `engine` to `remote`; it connects when it can, and again.

    What is sent while there is no connection is dropped.

    Raises:
        UsageError: that is no address.
    """
    socket = context.socket(zmq.ROUTER)
    _harden(socket, remote.own)
    socket.setsockopt(zmq.IDENTITY, engine.encode())
    socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.CURVE_SERVERKEY, remote.public)
    try:
        socket.connect(remote.address)
    except zmq.ZMQError as error:
        raise UsageError(f"cannot connect to {remote.address}: {error}; give tcp://HOST:PORT") from error
    return socket


def bind(context: zmq.Context[zmq.Socket[bytes]], offer: WorkerOffer) -> tuple[zmq.Socket[bytes], ThreadAuthenticator]:
    """The render process's socket, and what admits engines to it; stop that before the context ends.

    Raises:
        UsageError: the address cannot be bound.
    """
    guard = ThreadAuthenticator(context)
    guard.start()
    guard.configure_curve(domain="*", location=str(offer.allowed))
    socket = context.socket(zmq.ROUTER)
    _harden(socket, offer.own)
    socket.setsockopt(zmq.IDENTITY, WORKER)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # sending tells whether the engine is still there
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    try:
        socket.bind(offer.address)
    except zmq.ZMQError as error:
        guard.stop()
        raise UsageError(
            f"cannot bind {offer.address}: {error}; give tcp://ADDRESS:PORT of this host", option="bind"
        ) from error
    return socket, guard


def no_worker_answered(remotes: Sequence[RemoteWorker], obstacles: Collection[str]) -> RenderError:
    """What to tell when nobody at these addresses renders; `obstacles` say why those that answered are not used."""
    known = "; ".join(obstacles)
    return RenderError(
        f"no render process that could be used has answered at {', '.join(remote.address for remote in remotes)}: "
        + (known or "is one running there with the same generator and model, and are the keys right?"),
        option="worker",
    )


def _harden(socket: zmq.Socket[bytes] | zmq.asyncio.Socket, own: KeyPair) -> None:
    for option, value in (
        (zmq.ROUTER_HANDOVER, 1),
        (zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES),
        (zmq.HEARTBEAT_IVL, _HEARTBEAT_MS),
        (zmq.HEARTBEAT_TIMEOUT, _SILENCE_MS),
        (zmq.HANDSHAKE_IVL, _SILENCE_MS),
        (zmq.CURVE_PUBLICKEY, own.public),
        (zmq.CURVE_SECRETKEY, own.secret),
    ):
        socket.setsockopt(option, value)


class WorkerAddress(msgspec.Struct, frozen=True):
    """Where a worker is reached: on which line, 0 for those of this host, and by which name."""

    line: int
    name: bytes


class Transport:
    """Opens its sockets in `folder`, which is private to this engine and gives it its name, and to the `remotes`.

    Raises:
        UsageError: one of the remotes' addresses is none.
    """

    def __init__(self, folder: Path, remotes: Sequence[RemoteWorker]) -> None:
        self._context = zmq.asyncio.Context()
        self.endpoint = f"ipc://{folder}/socket"
        here = self._context.socket(zmq.ROUTER)
        here.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        here.bind(self.endpoint)
        self._sockets = [here]
        try:
            self._sockets += [connect(self._context, remote, folder.name) for remote in remotes]
        except BaseException:
            self.close()
            raise
        self._names = ["here", *(remote.address for remote in remotes)]

    def close(self) -> None:
        """Close them all at once; what was not sent is not."""
        self._context.destroy(0)

    def listeners(
        self, hear: Callable[[WorkerAddress, Message], None]
    ) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """For each line what to run, and its name: it tells `hear` what comes and who says it. Garbage is left out."""
        for line, name in enumerate(self._names):
            yield name, self._listen(line, hear)

    def send(self, address: WorkerAddress, message: Message) -> None:
        """Send at once, or drop what cannot be delivered: beats show what was lost."""
        self._sockets[address.line].send_multipart([address.name, encode(message)])  # not awaited: a ROUTER never waits

    def ask(self, who: ServiceRequest, known: Container[WorkerAddress]) -> None:
        """Ask the workers on other hosts that are not `known` for their service."""
        for line in range(1, len(self._sockets)):
            if (address := WorkerAddress(line, WORKER)) not in known:
                self.send(address, who)

    async def _listen(self, line: int, hear: Callable[[WorkerAddress, Message], None]) -> None:
        while True:
            parts = await self._sockets[line].recv_multipart()
            with contextlib.suppress(ProtocolError):
                if len(parts) == 2:
                    hear(WorkerAddress(line, parts[0]), decode(parts[1]))
