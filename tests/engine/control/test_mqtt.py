"""MQTT with a real mosquitto, a password and TLS: commands, rejections, last will, reconnection."""

import asyncio
import contextlib
import json
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.audio.beats import Tempo
from engine.control.commands import COMMANDS as SPECS
from engine.control.commands import ControlState
from engine.control.mqtt import Broker, MessageQueue, MqttClient, parse_broker
from engine.errors import UsageError
from tests.engine.control.conftest import PASSWORD, USER, Mosquitto, until

aiomqtt = pytest.importorskip("aiomqtt", reason="needs the control extra")


def broker(server: Mosquitto) -> Broker:
    return parse_broker(f"mqtts://{USER}@localhost:{server.port}", PASSWORD, str(server.ca))


def telemetry() -> dict[str, Any]:
    return {"sentence": "Silence", "bpm": 120}


@contextlib.asynccontextmanager
async def running(client: MqttClient) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(client.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


@contextlib.asynccontextmanager
async def second(server: Mosquitto) -> AsyncIterator[Any]:
    """Another program on the broker."""
    client = aiomqtt.Client(
        "localhost",
        server.port,
        username=USER,
        password=PASSWORD,
        tls_context=ssl.create_default_context(cafile=str(server.ca)),
    )
    await client.__aenter__()
    try:
        yield client
    finally:
        with contextlib.suppress(TimeoutError):  # the library waits without end for a broker's goodbye
            async with asyncio.timeout(10.0):
                await client.__aexit__(None, None, None)


async def received(client: Any, topic: str, payload: str | None = None) -> str:
    """The first message on `topic`, or the first that is `payload`."""
    async with asyncio.timeout(20.0):
        async for message in client.messages:
            text = bytes(message.payload).decode()
            if str(message.topic) == topic and payload in (None, text):
                return text
    raise AssertionError("unreachable")


COMMANDS = {
    "style": ("oil painting", lambda state: state.style == "oil painting"),
    "next": ("", lambda state: state.cuts == ["cut"]),
    "hold": ("on", lambda state: state.hold),
    "blackout": ("", lambda state: state.blackout),
    "flashes": ("1", lambda state: state.flashes == 1),
    "react": ("0.5", lambda state: state.reaction == 0.5),
    "generator": ("shader", lambda state: state.cuts == ["cut", "shader"]),
    "tap": ("", lambda state: state.tempo.taps == [12.0]),
    "nudge": ("-20", lambda state: state.tempo.offset_s == -0.02),
    "seed": ("77", lambda state: state.seed == 77),
    "quit": ("", lambda state: state.quit),
}


async def test_every_command_works(mosquitto: Callable[[], Mosquitto], state: ControlState) -> None:
    server = mosquitto()
    assert list(COMMANDS) == list(SPECS)
    client = MqttClient(broker(server), state, telemetry)
    async with running(client), second(server) as other:
        await until(lambda: client.connected)
        for name, (payload, done) in COMMANDS.items():
            await other.publish(f"aimv/command/{name}", payload)
            await until(lambda done=done: done(state))


async def test_telemetry_and_availability_are_published(
    mosquitto: Callable[[], Mosquitto], state: ControlState
) -> None:
    server = mosquitto()
    async with second(server) as other:
        await other.subscribe("aimv/#")
        async with running(MqttClient(broker(server), state, telemetry)):
            assert await received(other, "aimv/available", "online")
            assert json.loads(await received(other, "aimv/telemetry")) == telemetry()
        assert await received(other, "aimv/available", "offline")


async def test_a_broker_that_never_disconnects_does_not_block(
    state: ControlState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.control.mqtt.DISCONNECT_S", 0.05)
    client = MqttClient(parse_broker("mqtt://localhost:1"), state, dict)
    begun, left = asyncio.Event(), asyncio.Event()

    async def session() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
            await asyncio.Event().wait()

    monkeypatch.setattr(client, "session", session)
    task = asyncio.create_task(client.run())
    await begun.wait()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=60.0)
    assert done and left.is_set()


SHOW = """
import asyncio, sys
from engine.audio.beats import Tempo
from engine.control.commands import ControlState
from engine.control.mqtt import MqttClient, parse_broker
state = ControlState(Tempo(), lambda: 0.0)
asyncio.run(MqttClient(parse_broker(*sys.argv[1:]), state, dict).run())
"""


async def test_the_last_will_is_published_when_a_show_is_killed(mosquitto: Callable[[], Mosquitto]) -> None:
    server = mosquitto()
    url = f"mqtts://{USER}@localhost:{server.port}"
    async with second(server) as other:
        await other.subscribe("aimv/available")
        show = await asyncio.create_subprocess_exec(sys.executable, "-c", SHOW, url, PASSWORD, str(server.ca))
        try:
            await received(other, "aimv/available", "online")
        finally:
            show.kill()
            await show.wait()
        assert await received(other, "aimv/available", "offline")


async def test_a_thousand_bad_payloads_are_rejected_with_a_reason(
    mosquitto: Callable[[], Mosquitto], state: ControlState
) -> None:
    server, random = mosquitto(), np.random.default_rng(6)
    takes_no_bytes = [name for name in SPECS if name not in ("style", "generator")]
    client = MqttClient(broker(server), state, telemetry)
    reasons: list[str] = []

    async def read(other: Any) -> None:
        async for message in other.messages:
            reasons.append(json.loads(bytes(message.payload))["reason"])

    async with running(client), second(server) as other:
        await until(lambda: client.connected)
        await other.subscribe("aimv/refused")
        reading = asyncio.create_task(read(other))
        for number in range(1000):
            junk = b"\xff" + random.bytes(int(random.integers(0, 60)))
            if number % 3 == 0:
                junk = f"{random.normal() * 1e9:g}x".encode()
            if number % 50 == 0:
                junk = b"9" * 5000
            name = str(random.choice(takes_no_bytes)) if number % 5 else f"no{number}"
            await other.publish(f"aimv/command/{name}", junk)
            if number % 100 == 99:  # more at once than the show will hold would be dropped
                await until(lambda number=number: len(reasons) == number + 1)
        reading.cancel()
        assert all(reasons)
        assert (state.refused, state.applied) == (1000, 0)
        await other.publish("aimv/command/seed", "5")
        await until(lambda: state.seed == 5)


async def test_a_killed_broker_does_not_disturb_the_show_and_is_reconnected(
    mosquitto: Callable[[], Mosquitto], state: ControlState
) -> None:
    server = mosquitto()
    client = MqttClient(broker(server), state, telemetry)
    late: list[float] = []

    async def frames() -> None:
        """The show: a picture every 30 ms; how late each was."""
        due = time.perf_counter()
        while True:
            due += 0.03
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            late.append(time.perf_counter() - due)

    async with running(client):
        await until(lambda: client.connected)
        show = asyncio.create_task(frames())
        server.kill()
        await until(lambda: not client.connected)
        down = len(late)
        await until(lambda: len(late) > down + 60 and "broker" in client.error)
        server.start()
        await until(lambda: client.connected)
        show.cancel()
        assert (client.connections, client.error) == (2, "")
        async with second(server) as other:
            await other.publish("aimv/command/seed", "8")
            await until(lambda: state.seed == 8)


async def test_a_wrong_password_is_reported_and_does_not_end_the_show(
    mosquitto: Callable[[], Mosquitto], state: ControlState
) -> None:
    server = mosquitto()
    wrong = parse_broker(f"mqtts://{USER}:nonsense@localhost:{server.port}", None, str(server.ca))
    client = MqttClient(wrong, state, telemetry)
    async with running(client) as task:
        await until(lambda: bool(client.error))
        assert "uthorized" in client.error or "uthorised" in client.error or "refused" in client.error.lower(), (
            client.error
        )
        assert not task.done()


async def test_a_broker_whose_certificate_is_not_trusted_is_not_spoken_to(
    mosquitto: Callable[[], Mosquitto], state: ControlState
) -> None:
    server = mosquitto()
    client = MqttClient(parse_broker(f"mqtts://{USER}@localhost:{server.port}", PASSWORD), state, telemetry)
    async with running(client):
        await until(lambda: bool(client.error))
        assert "certificate" in client.error.lower()


def test_addresses() -> None:
    assert parse_broker("stage.local") == Broker("stage.local", 1883)
    assert parse_broker("mqtts://a%20b@h/left") == Broker("h", 8883, "a b", None, True, None, "left")
    for wrong in ("http://h", "mqtt://", "mqtt://h:99999", "mqtt://h:x"):
        with pytest.raises(UsageError, match="mqtts://"):
            parse_broker(wrong)
    with pytest.raises(UsageError, match="certificate"):
        parse_broker("h", ca="/nowhere/ca.crt")


def test_a_file_without_a_certificate_is_refused_at_once(state: ControlState, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(UsageError, match=r"ca\.crt holds no certificate"):
        MqttClient(parse_broker("mqtts://h", ca=str(tmp_path / "ca.crt")), state, telemetry)


async def test_a_command_that_finds_no_room_is_counted() -> None:
    dropped: list[str] = []
    waiting = MessageQueue(lambda: dropped.append("one"), maxsize=2)
    for number in range(5):
        with contextlib.suppress(asyncio.QueueFull):
            waiting.put_nowait(number)
    assert len(dropped) == 3
    assert [waiting.get_nowait(), waiting.get_nowait()] == [0, 1]


async def test_a_flood_leaves_nothing_uncounted(
    mosquitto: Callable[[], Mosquitto], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the client took in was followed or refused, those for which there was no room among them."""
    monkeypatch.setattr("engine.control.mqtt.QUEUE_SIZE", 4)
    server, state = mosquitto(), ControlState(Tempo(), lambda: 1.0)
    client = MqttClient(broker(server), state, telemetry)
    async with running(client), second(server) as other:
        await until(lambda: client.connected)
        for number in range(500):
            await other.publish("aimv/command/seed", str(number))
        await until(lambda: state.applied + state.refused == 500)
        assert state.refused > 0
        assert "faster than" in state.notice, state.notice
