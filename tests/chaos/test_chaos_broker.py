"""A broker that is killed, silent or sends garbage: the show goes on, and control reconnects."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterator

import pytest

from engine.audio.beats import Tempo
from engine.control.commands import ControlState
from engine.control.mqtt import MqttClient, parse_broker
from tests.chaos.conftest import Tally, rounds
from tests.engine.control.conftest import PASSWORD, USER, Mosquitto, mosquitto  # noqa: F401 - a fixture
from tests.engine.control.test_mqtt import broker, running, second
from tools.stress.soak_render import Forwarder

ROW = "broker down, slow, hostile"
PATIENCE_S = 300.0


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.01)


def new_state() -> ControlState:
    return ControlState(Tempo(), lambda: 1.0)


async def test_down(mosquitto: Callable[[], Mosquitto], tally: Tally) -> None:  # noqa: F811
    server, state = mosquitto(), new_state()
    client = MqttClient(broker(server), state, dict)
    async with running(client) as task:
        await until(lambda: client.connected)
        for number in range(rounds(1, 10)):
            with tally.fault():
                server.kill()
                await until(lambda: not client.connected and client.error)
                assert "\n" not in client.error and PASSWORD not in client.error
                server.start()
                await until(lambda: client.connected)
                async with second(server) as other:
                    await other.publish("aimv/command/seed", str(100 + number))
                    await until(lambda number=number: state.seed == 100 + number)
                assert not task.done()


async def test_slow(mosquitto: Callable[[], Mosquitto], tally: Tally) -> None:  # noqa: F811
    """The line to the broker falls silent without being closed: noticed by the keep-alive, and made anew."""
    server, state = mosquitto(), new_state()
    async with Forwarder(server.port) as network:
        url = f"mqtts://{USER}@localhost:{network.port}"
        client = MqttClient(parse_broker(url, PASSWORD, str(server.ca)), state, dict)
        async with running(client) as task:
            await until(lambda: client.connected)
            for number in range(rounds(1, 3)):
                with tally.fault():
                    network.connected.clear()
                    await until(lambda: not client.connected)
                    network.connected.set()
                    await until(lambda: client.connected)
                    async with second(server) as other:
                        await other.publish("aimv/command/seed", str(200 + number))
                        await until(lambda number=number: state.seed == 200 + number)
                    assert not task.done()


class Liar:
    """A server that accepts whoever comes and answers with nonsense."""

    def __init__(self, rng: random.Random) -> None:
        self.callers = 0
        self._rng = rng

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers += 1
        accepted = b"\x20\x02\x00\x00"  # CONNACK
        subscribed = b"\x90\x03\x00\x02\x00"
        topic = b"aimv/command/seed"
        flood = bytes([0x30, len(topic) + 2 + 5, 0, len(topic)]) + topic + b"12345"
        lies = (
            self._rng.randbytes(100),
            accepted + self._rng.randbytes(200),
            accepted + subscribed + b"\x30\xff\xff\xff\xff\xff" + self._rng.randbytes(100),
            accepted + subscribed + flood * 2000 + self._rng.randbytes(50),
            accepted + b"\x30\xff\xff\xff\x7f" + bytes(1000),
            b"",
        )
        with contextlib.suppress(OSError):
            writer.write(lies[(self.callers - 1) % len(lies)])
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.close()


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("engine.control.mqtt.RETRY_S", (0.02,))
    yield


@pytest.mark.usefixtures("_quick")
async def test_hostile(tally: Tally, rng: random.Random) -> None:
    liar, state = Liar(rng), new_state()
    server = await asyncio.start_server(liar.answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = MqttClient(parse_broker(f"mqtt://127.0.0.1:{port}"), state, dict)
    async with running(client) as task:
        for number in range(rounds(3, 30)):
            with tally.fault():
                await until(lambda number=number: liar.callers > number or task.done())
                assert not task.done(), task.exception()
        assert state.style == ""
    server.close()


async def test_a_flood_of_commands(mosquitto: Callable[[], Mosquitto], tally: Tally) -> None:  # noqa: F811
    """More commands at once than may wait: memory stays bounded, and the show still hears the next one."""
    server, state = mosquitto(), new_state()
    client = MqttClient(broker(server), state, dict)
    async with running(client) as task, second(server) as other:
        await until(lambda: client.connected)
        for number in range(rounds(1, 10)):
            with tally.fault():
                for _ in range(2000):
                    await other.publish("aimv/command/tap", b"x" * 100)
                async with asyncio.timeout(PATIENCE_S):
                    while state.seed != 300 + number:
                        await other.publish("aimv/command/seed", str(300 + number))
                        await asyncio.sleep(0.05)
                assert not task.done()
