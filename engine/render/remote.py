"""The line between an engine and render processes on other hosts: TCP, encrypted, each side known by its key.

The render process binds, the engine connects, so one engine may use many hosts; a process serves one engine at a time.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import zmq
import zmq.asyncio
from zmq.auth.thread import ThreadAuthenticator

from engine.errors import RenderError, UsageError
from engine.render.keys import Keys
from engine.render.protocol import MAX_MESSAGE_BYTES

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


def connect(context: zmq.asyncio.Context, remote: Remote) -> zmq.asyncio.Socket:
    """The engine's socket to `remote`; it connects when it can, and again.

    Raises:
        UsageError: that is no address.
    """
    socket = context.socket(zmq.ROUTER)
    _harden(socket, remote.own)
    socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
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
    socket = context.socket(zmq.DEALER)
    _harden(socket, offer.own)
    socket.setsockopt(zmq.CURVE_SERVER, 1)
    try:
        socket.bind(offer.address)
    except zmq.ZMQError as error:
        guard.stop()
        raise UsageError(f"cannot bind {offer.address}: {error}; give tcp://ADDRESS:PORT of this host") from error
    return socket, guard


def unanswered(remotes: Sequence[Remote]) -> RenderError:
    """What to tell when nobody at these addresses has come to render."""
    return RenderError(
        f"no render process that could be used has answered at {', '.join(remote.address for remote in remotes)}: "
        "is `aimv render` running there with the same --generator and --model, and are the keys right?"
    )


def _harden(socket: zmq.Socket[bytes] | zmq.asyncio.Socket, own: Keys) -> None:
    for option, value in (
        (zmq.MAXMSGSIZE, MAX_MESSAGE_BYTES),
        (zmq.HEARTBEAT_IVL, _HEARTBEAT_MS),
        (zmq.HEARTBEAT_TIMEOUT, _SILENCE_MS),
        (zmq.HANDSHAKE_IVL, _SILENCE_MS),
        (zmq.CURVE_PUBLICKEY, own.public),
        (zmq.CURVE_SECRETKEY, own.secret),
    ):
        socket.setsockopt(option, value)
