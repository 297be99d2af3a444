"""Control by MQTT: commands in; telemetry, refusals and availability out; back by itself when the broker is.

aimv/command/NAME   the command's value as text; empty for none
aimv/refused        {"command", "reason"}
aimv/telemetry      once a second
aimv/available      online or offline, retained; offline is the last will
"""

import asyncio
import functools
import importlib
import logging
import random
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from engine.control.commands import Refused
from engine.control.state import Receiver, as_json
from engine.errors import MissingExtra, UsageError

_BACKOFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
_LONGEST_PAYLOAD = 4096  # bytes
_KEEPALIVE_S = 5
_TELEMETRY_S = 1.0
_WAITING = 256  # messages
_FAREWELL_S = 3.0  # for the last will's "offline" and the broker's goodbye
_CALM = 4  # connections that end sooner than this many seconds after they began count as failed

_QUIET = logging.getLogger("aimv.mqtt")  # what matters is said in `why`
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class Broker(msgspec.Struct, frozen=True):
    """Where the broker is and how it knows us."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: bool = False
    ca: str | None = None  # a file of certificates to trust in place of the system's
    prefix: str = "aimv"


def broker_of(url: str, password: str | None = None, ca: str | None = None) -> Broker:
    """The broker of mqtt://[USER@]HOST[:PORT][/PREFIX], or mqtts:// for TLS.

    Raises:
        UsageError: that is no such address, or there is no file `ca`.
    """
    try:
        parts = urlsplit(url if "://" in url else f"mqtt://{url}")
        port = parts.port
    except ValueError:
        raise UsageError(f"{url!r} is no address of a broker: give mqtt://HOST or mqtts://USER@HOST:8883") from None
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise UsageError(f"{url!r} is no address of a broker: give mqtt://HOST or mqtts://USER@HOST:8883")
    tls = parts.scheme == "mqtts"
    if ca and not Path(ca).is_file():
        raise UsageError(f"there is no file {ca} with the broker's certificate: check mqtt_ca")
    return Broker(
        parts.hostname,
        port or (8883 if tls else 1883),
        unquote(parts.username) if parts.username else None,
        password or (unquote(parts.password) if parts.password else None),
        tls,
        ca,
        parts.path.strip("/") or "aimv",
    )


class Waiting(asyncio.Queue[Any]):
    """Messages that wait to be followed; `on_full` is told of each that finds no room, which is then gone."""

    def __init__(self, on_full: Callable[[], object], maxsize: int) -> None:
        super().__init__(maxsize)
        self._on_full = on_full

    def put_nowait(self, item: Any) -> None:
        """Take in a message. Raises asyncio.QueueFull."""
        if self.full():
            self._on_full()
        super().put_nowait(item)


class Mqtt:
    """A client of `broker`; `run` it. `telemetry` gives what is published each second."""

    def __init__(self, broker: Broker, receiver: Receiver, telemetry: Callable[[], dict[str, Any]]) -> None:
        """Raises MissingExtra if aiomqtt is not installed."""
        try:
            self._library = importlib.import_module("aiomqtt")
        except ImportError:
            raise MissingExtra("control by MQTT", "control") from None
        self.connected = False
        self.connections = 0
        self.why = ""  # it is not connected
        self._broker, self._receiver, self._telemetry = broker, receiver, telemetry

    async def run(self) -> None:
        """Serve until cancelled; a broker that is gone is tried again, ever more slowly."""
        tries = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            # In a task of its own, because the library waits without end for a goodbye that a lost broker never says.
            session = asyncio.create_task(self._session(), name="mqtt session")
            try:
                await asyncio.wait([session])
                session.result()
            except self._library.MqttError as error:
                self.why = f"the broker {self._broker.host}:{self._broker.port} does not answer: {error}"
            except (OSError, ssl.SSLError) as error:
                self.why = f"the broker {self._broker.host}:{self._broker.port} cannot be reached: {error}"
            finally:
                self.connected = False
                if session.cancel():
                    await asyncio.wait([session], timeout=_FAREWELL_S)
            tries = 0 if loop.time() - began > _CALM else tries + 1
            pause = _BACKOFF_S[min(tries, len(_BACKOFF_S) - 1)]
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))

    async def _session(self) -> None:
        broker = self._broker
        topic = f"{broker.prefix}/available"
        client = self._library.Client(
            broker.host,
            broker.port,
            username=broker.user,
            password=broker.password,
            tls_context=ssl.create_default_context(cafile=broker.ca) if broker.tls else None,
            will=self._library.Will(topic, "offline", qos=1, retain=True),
            keepalive=_KEEPALIVE_S,
            timeout=5.0,
            logger=_QUIET,
            queue_type=functools.partial(Waiting, self._overrun),
            max_queued_incoming_messages=_WAITING,
        )
        async with client:
            await client.publish(topic, "online", qos=1, retain=True)
            await client.subscribe(f"{broker.prefix}/command/#", qos=1)
            self.connected, self.why = True, ""
            self.connections += 1
            telling = asyncio.create_task(self._tell(client), name="mqtt telemetry")
            try:
                async for message in client.messages:
                    await self._hear(client, str(message.topic), message.payload)
            finally:
                telling.cancel()
                await asyncio.wait([telling])
                if self._current_is_cancelled():
                    await client.publish(topic, "offline", qos=1, retain=True, timeout=1.0)

    def _overrun(self) -> None:
        self._receiver.refuse(f"commands come faster than they can be followed: beyond {_WAITING} they are dropped")

    @staticmethod
    def _current_is_cancelled() -> bool:
        task = asyncio.current_task()
        return bool(task and task.cancelling())

    async def _hear(self, client: Any, topic: str, payload: Any) -> None:
        name = topic.removeprefix(f"{self._broker.prefix}/command/")
        try:
            reason = self._receiver.receive(name, text_of(payload))
        except Refused as refused:
            reason = self._receiver.refuse(str(refused))
        if reason:
            told = as_json({"command": name[:40], "reason": reason})
            await client.publish(f"{self._broker.prefix}/refused", told)

    async def _tell(self, client: Any) -> None:
        while True:
            await client.publish(f"{self._broker.prefix}/telemetry", as_json(self._telemetry()))
            await asyncio.sleep(_TELEMETRY_S)


def text_of(payload: Any) -> str:
    """The payload of a message as text.

    Raises:
        Refused: it is none, or too long.
    """
    data = payload if isinstance(payload, bytes) else str(payload or "").encode()
    if len(data) > _LONGEST_PAYLOAD:
        raise Refused(f"a payload of {len(data)} bytes is too long: at most {_LONGEST_PAYLOAD}")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Refused("the payload is not text in UTF-8") from None
