"""ZeroMQ sockets of the render protocol: ipc:// to the workers of this host, CURVE-encrypted TCP to those on others.

A worker on another host binds and the engine connects, so that one engine can use many hosts. Both are ROUTER
sockets, because such a worker serves one engine at a time but answers others as well.

ipc:// is a Unix domain socket in a folder that other users cannot enter. Where ZeroMQ has none, clips cannot be
rendered: TCP without keys would be open to every user of the host.
"""

import contextlib
from collections.abc import Callable, Collection, Container, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
import zmq
import zmq.asyncio
from zmq.auth.thread import ThreadAuthenticator

from engine.errors import ProtocolError, RenderError, UsageError
from engine.render.auth import KeyPair, own_key_pair, public_key_of
from engine.render.protocol import MAX_MESSAGE_BYTES, MAX_WORKERS, Message, ServiceRequest, decode, encode

WORKER = b"worker"  # the identity of every worker on another host: each has a connection of its own
_HEARTBEAT_MS, _TIMEOUT_MS = 1000, 3000  # a connection without traffic for so long is closed and made again


class RemoteWorker(msgspec.Struct, frozen=True):
    """A worker on another host: its address (tcp://host:port), its public key, and the engine's key pair."""

    address: str
    public: bytes
    own: KeyPair


class PoolConfig(msgspec.Struct, frozen=True):
    """The workers of a pool: how many processes on this host, and which workers on others.

    Raises:
        UsageError: there are too many, or none.
    """

    local: int = 1
    remotes: tuple[RemoteWorker, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.local <= MAX_WORKERS:
            raise UsageError(
                f"{self.local} render processes are not possible: choose from 0 to {MAX_WORKERS}", option="workers"
            )
        if not self.local and not self.remotes:
            raise UsageError(
                "there is no render process: choose at least one, here or on another host", option="worker"
            )

    @classmethod
    def from_addresses(cls, local: int, addresses: tuple[str, ...], keys: Path) -> Self:
        """`local` processes here and one at each of the `addresses` (tcp://HOST:PORT), with the keys in folder `keys`.

        Raises:
            UsageError: there are too many workers or none, an address is malformed, or keys are missing.
        """
        remotes = (RemoteWorker(each, public_key_of(keys, _host(each)), own_key_pair(keys)) for each in addresses)
        return cls(local, tuple(remotes))

    @property
    def size(self) -> int:
        """How many clips can be in work at once."""
        return self.local + len(self.remotes)


class WorkerOffer(msgspec.Struct, frozen=True):
    """Where a worker listens for engines on other hosts, its key pair, and the folder of their public `.key` files."""

    address: str
    own: KeyPair
    authorized: Path


def connect(context: zmq.asyncio.Context, remote: RemoteWorker, engine: str) -> zmq.asyncio.Socket:
    """The socket of the engine with that identity to `remote`; it connects when it can, and again.

    What is sent while there is no connection is dropped.

    Raises:
        UsageError: the address is malformed.
    """
    socket = context.socket(zmq.ROUTER)
    _set_options(socket, remote.own)
    socket.setsockopt(zmq.IDENTITY, engine.encode())
    socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.CURVE_SERVERKEY, remote.public)
    try:
        socket.connect(remote.address)
    except zmq.ZMQError as error:
        message = f"cannot connect to {remote.address}: {error}; give tcp://HOST:PORT"
        raise UsageError(message, option="worker") from error
    return socket


def bind(context: zmq.Context[zmq.Socket[bytes]], offer: WorkerOffer) -> tuple[zmq.Socket[bytes], ThreadAuthenticator]:
    """The worker's socket, and the thread that authenticates engines: stop that before the context ends.

    Raises:
        UsageError: the address cannot be bound.
    """
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve(domain="*", location=str(offer.authorized))
    socket = context.socket(zmq.ROUTER)
    _set_options(socket, offer.own)
    socket.setsockopt(zmq.IDENTITY, WORKER)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # sending fails when the engine is no longer connected
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    try:
        socket.bind(offer.address)
    except zmq.ZMQError as error:
        authenticator.stop()
        raise UsageError(
            f"cannot bind {offer.address}: {error}; give tcp://ADDRESS:PORT of this host", option="bind"
        ) from error
    return socket, authenticator


def no_worker_answered(remotes: Sequence[RemoteWorker], refusals: Collection[str]) -> RenderError:
    """The error when no worker at these addresses can be used; `refusals` say why those that answered cannot."""
    known = "; ".join(refusals)
    return RenderError(
        f"no render process that could be used has answered at {', '.join(remote.address for remote in remotes)}: "
        + (known or "is one running there with the same generator and model, and are the keys right?"),
        option="worker",
    )


def _set_options(socket: zmq.Socket[bytes] | zmq.asyncio.Socket, own: KeyPair) -> None:
    for option, value in (
        (zmq.ROUTER_HANDOVER, 1),
        (zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES),
        (zmq.HEARTBEAT_IVL, _HEARTBEAT_MS),
        (zmq.HEARTBEAT_TIMEOUT, _TIMEOUT_MS),
        (zmq.HANDSHAKE_IVL, _TIMEOUT_MS),
        (zmq.CURVE_PUBLICKEY, own.public),
        (zmq.CURVE_SECRETKEY, own.secret),
    ):
        socket.setsockopt(option, value)


class WorkerAddress(msgspec.Struct, frozen=True):
    """How a worker is reached: through which socket, 0 for those of this host, and its identity there."""

    socket: int
    identity: bytes


class Transport:
    """The engine's sockets: one in `folder`, which is private to this engine and names it, and one to each remote.

    Raises:
        UsageError: the address of one of the `remotes` is malformed.
        RenderError: the system has no ipc:// sockets.
    """

    def __init__(self, folder: Path, remotes: Sequence[RemoteWorker]) -> None:
        if not zmq.has("ipc"):
            raise RenderError("clips cannot be rendered here: ZeroMQ has no ipc:// sockets on this system")
        self._context = zmq.asyncio.Context()
        self.endpoint = f"ipc://{folder}/socket"
        local = self._context.socket(zmq.ROUTER)
        local.setsockopt(zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES)
        local.bind(self.endpoint)
        self._sockets = [local]
        try:
            self._sockets += [connect(self._context, remote, folder.name) for remote in remotes]
        except BaseException:
            self.close()
            raise
        self._names = ["local", *(remote.address for remote in remotes)]

    def close(self) -> None:
        """Close the sockets at once and drop what was not sent."""
        self._context.destroy(0)

    def receivers(
        self, handle: Callable[[WorkerAddress, Message], None]
    ) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
        """For each socket a name and a coroutine that calls `handle` with each message; what is none is dropped."""
        for index, name in enumerate(self._names):
            yield name, self._receive(index, handle)

    def send(self, address: WorkerAddress, message: Message) -> None:
        """Send at once, or drop what cannot be delivered: heartbeats show what was lost."""
        parts = [address.identity, encode(message)]
        self._sockets[address.socket].send_multipart(parts)  # not awaited: a ROUTER never waits

    def request_service(self, request: ServiceRequest, known: Container[WorkerAddress]) -> None:
        """Send the request to the workers on other hosts that are not `known`."""
        for index in range(1, len(self._sockets)):
            if (address := WorkerAddress(index, WORKER)) not in known:
                self.send(address, request)

    async def _receive(self, index: int, handle: Callable[[WorkerAddress, Message], None]) -> None:
        while True:
            parts = await self._sockets[index].recv_multipart()
            with contextlib.suppress(ProtocolError):
                if len(parts) == 2:
                    handle(WorkerAddress(index, parts[0]), decode(parts[1]))


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        if parts.scheme == "tcp" and parts.hostname and parts.port:
            return parts.hostname
    except ValueError:
        pass
    raise UsageError(f"{address} is no address of a render process: give tcp://HOST:PORT", option="worker")
