"""The line between an engine and render processes on other hosts: TCP, encrypted, each side known by its key.

The render process binds, the engine connects, so one engine may use many hosts. A process serves one engine at a time;
that it may answer others as well, both ends are ROUTERs.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec
import zmq
import zmq.asyncio
from zmq.auth.thread import ThreadAuthenticator

from engine.errors import RenderError, UsageError
from engine.render.keys import Keys
from engine.render.protocol import MAX_MESSAGE_BYTES

WORKER = b"worker"  # what every such process is called, since each has a connection of its own
_HEARTBEAT_MS, _SILENCE_MS = 1000, 3000  # a connection that is silent for so long is made anew


class Remote(msgspec.Struct, frozen=True):
    """A render process on another host: its address (tcp://host:port), its public key, and the engine's own keys."""

    address: str
    public: bytes
    own: Keys


class Offer(msgspec.Struct, frozen=True):
    """What a render process offers itself with: where, with which keys, to whom (a folder of public `.key` files)."""

    address: str
    own: Keys
    allowed: Path


def connect(context: zmq.asyncio.Context, remote: Remote, engine: str) -> zmq.asyncio.Socket:
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


def bind(context: zmq.Context[zmq.Socket[bytes]], offer: Offer) -> tuple[zmq.Socket[bytes], ThreadAuthenticator]:
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
        raise UsageError(f"cannot bind {offer.address}: {error}; give tcp://ADDRESS:PORT of this host") from error
    return socket, guard


def unanswered(remotes: Sequence[Remote], obstacles: Collection[str]) -> RenderError:
    """What to tell when nobody at these addresses renders; `obstacles` say why those that answered are not used."""
    known = "; ".join(obstacles)
    return RenderError(
        f"no render process that could be used has answered at {', '.join(remote.address for remote in remotes)}: "
        + (known or "is `aimv render` running there with the same --generator and --model, and are the keys right?")
    )


def _harden(socket: zmq.Socket[bytes] | zmq.asyncio.Socket, own: Keys) -> None:
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
