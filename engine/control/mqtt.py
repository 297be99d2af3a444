"""Control by MQTT: commands in; telemetry, refusals and availability out; reconnects by itself.

aimv/command/NAME   the command's value as text; empty for none
aimv/refused        {"command", "reason"}
aimv/telemetry      once a second
aimv/available      online or offline, retained; offline is the last will
"""

import asyncio
import functools
import json
import logging
import random
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from engine.control.commands import CommandRefused, ControlContext, ControlState, Transport
from engine.errors import UsageError, import_extra

RETRY_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # from a failure to the next attempt, after one, two, ... failures
_MAX_PAYLOAD = 4096  # bytes
_KEEPALIVE_S = 5
_TELEMETRY_S = 1.0
QUEUE_SIZE = 256  # messages
DISCONNECT_S = 3.0  # for the last will's "offline" and the broker's goodbye
_STABLE_S = 4  # a connection that ends sooner counts as failed

_QUIET = logging.getLogger("aimv.mqtt")  # what matters is in `error`
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


class Broker(msgspec.Struct, frozen=True):
    """The broker's address and how to authenticate there."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: bool = False
    ca: str | None = None  # a file of certificates to trust in place of the system's
    prefix: str = "aimv"


def parse_broker(url: str, password: str | None = None, ca: str | None = None) -> Broker:
    """The broker of mqtt://[USER@]HOST[:PORT][/PREFIX], or mqtts:// for TLS.

    Raises:
        UsageError: that is no such address, or there is no file `ca`.
    """
    try:
        parts = urlsplit(url if "://" in url else f"mqtt://{url}")
        host, port = parts.hostname if parts.scheme in ("mqtt", "mqtts") else None, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        example = "give mqtt://HOST or mqtts://USER@HOST:8883"
        raise UsageError(f"{url!r} is no address of a broker: {example}", option="mqtt")
    tls = parts.scheme == "mqtts"
    if ca and not Path(ca).is_file():
        raise UsageError(f"there is no file {ca} with the broker's certificate", option="mqtt_ca")
    return Broker(
        host,
        port or (8883 if tls else 1883),
        unquote(parts.username) if parts.username else None,
        password or (unquote(parts.password) if parts.password else None),
        tls,
        ca,
        parts.path.strip("/") or "aimv",
    )


class MessageQueue(asyncio.Queue[Any]):
    """A bounded queue that calls `on_full` for each message it has no room for, which is then dropped."""

    def __init__(self, on_full: Callable[[], object], maxsize: int) -> None:
        super().__init__(maxsize)
        self._on_full = on_full

    def put_nowait(self, item: Any) -> None:
        """Queue a message. Raises asyncio.QueueFull."""
        if self.full():
            self._on_full()
        super().put_nowait(item)


class MqttClient(Transport):
    """A client of `broker`. `telemetry` gives what is published each second."""

    def __init__(self, broker: Broker, state: ControlState, telemetry: Callable[[], dict[str, Any]]) -> None:
        """Raises MissingExtra if aiomqtt is not installed, UsageError if the broker's `ca` holds no certificate."""
        self._library = import_extra("aiomqtt", "control by MQTT", "control")
        try:
            self._tls = ssl.create_default_context(cafile=broker.ca) if broker.tls else None
        except ssl.SSLError:
            raise UsageError(f"{broker.ca} holds no certificate that can be read", option="mqtt_ca") from None
        self.connected = False
        self.connections = 0
        self._broker, self._state, self._telemetry = broker, state, telemetry

    async def run(self) -> None:
        """Serve until cancelled; a broker that is gone is tried again, ever more slowly."""
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            # In a task of its own, because the library waits forever for the disconnect of a lost broker.
            session = asyncio.create_task(self.session(), name="mqtt session")
            try:
                await asyncio.wait([session])
                session.result()
            except self._library.MqttError as error:
                self.error = f"the broker {self._broker.host}:{self._broker.port} does not answer: {error}"
            except (OSError, ssl.SSLError) as error:
                self.error = f"the broker {self._broker.host}:{self._broker.port} cannot be reached: {error}"
            finally:
                self.connected = False
                if session.cancel():
                    await asyncio.wait([session], timeout=DISCONNECT_S)
            failures = 0 if loop.time() - began > _STABLE_S else failures + 1
            pause = RETRY_S[min(failures, len(RETRY_S) - 1)]
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))

    async def session(self) -> None:
        """One connection, until it ends. Raises aiomqtt.MqttError or OSError."""
        broker = self._broker
        topic = f"{broker.prefix}/available"
        client = self._library.Client(
            broker.host,
            broker.port,
            username=broker.user,
            password=broker.password,
            tls_context=self._tls,
            will=self._library.Will(topic, "offline", qos=1, retain=True),
            keepalive=_KEEPALIVE_S,
            timeout=5.0,
            logger=_QUIET,
            queue_type=functools.partial(MessageQueue, self._on_full),
            max_queued_incoming_messages=QUEUE_SIZE,
        )
        async with client:
            await client.publish(topic, "online", qos=1, retain=True)
            await client.subscribe(f"{broker.prefix}/command/#", qos=1)
            self.connected, self.error = True, ""
            self.connections += 1
            publishing = asyncio.create_task(self._publish_telemetry(client), name="mqtt telemetry")
            try:
                async for message in client.messages:
                    await self._receive(client, str(message.topic), message.payload)
            except asyncio.CancelledError:
                await client.publish(topic, "offline", qos=1, retain=True, timeout=1.0)
                raise
            finally:
                publishing.cancel()
                await asyncio.wait([publishing])

    def _on_full(self) -> None:
        self._state.refuse(f"commands arrive faster than they can be applied: beyond {QUEUE_SIZE} they are dropped")

    async def _receive(self, client: Any, topic: str, payload: Any) -> None:
        name = topic.removeprefix(f"{self._broker.prefix}/command/")
        try:
            reason = self._state.dispatch(name, decode_payload(payload))
        except CommandRefused as error:
            reason = self._state.refuse(str(error))
        if reason:
            await client.publish(f"{self._broker.prefix}/refused", _json({"command": name[:40], "reason": reason}))

    async def _publish_telemetry(self, client: Any) -> None:
        while True:
            await client.publish(f"{self._broker.prefix}/telemetry", _json(self._telemetry()))
            await asyncio.sleep(_TELEMETRY_S)


def open_mqtt(options: Mapping[str, Any], context: ControlContext) -> MqttClient:
    """The transport of options `mqtt`, `mqtt_password` and `mqtt_ca`. Raises UsageError or MissingExtra."""
    password, ca = options.get("mqtt_password") or None, options.get("mqtt_ca") or None
    return MqttClient(parse_broker(options["mqtt"], password, ca), context.state, context.telemetry)


def decode_payload(payload: Any) -> str:
    """The payload of a message as text.

    Raises:
        CommandRefused: it is no text, or too long.
    """
    data = payload if isinstance(payload, bytes) else str(payload or "").encode()
    if len(data) > _MAX_PAYLOAD:
        raise CommandRefused(f"a payload of {len(data)} bytes is too long: at most {_MAX_PAYLOAD}")
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CommandRefused("the payload is not text in UTF-8") from None


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
