"""OSC over real UDP: commands, replies to rejected ones, and invalid packets."""

import asyncio
import socket
from collections.abc import Callable

import numpy as np
import pytest

from engine.control.commands import ControlState
from engine.control.osc import OscServer, parse_address
from engine.errors import UsageError
from tests.engine.control.conftest import until

bundles = pytest.importorskip("pythonosc.osc_bundle_builder", reason="needs the control extra")
OscMessage = pytest.importorskip("pythonosc.osc_message").OscMessage
OscMessageBuilder = pytest.importorskip("pythonosc.osc_message_builder").OscMessageBuilder
SimpleUDPClient = pytest.importorskip("pythonosc.udp_client").SimpleUDPClient

COMMANDS: dict[str, tuple[object, Callable[[ControlState], bool]]] = {
    "style": ("oil painting", lambda state: state.style == "oil painting"),
    "next": ([], lambda state: state.cuts == ["cut"]),
    "hold": (1, lambda state: state.hold),
    "blackout": (True, lambda state: state.blackout),
    "flashes": (2.0, lambda state: state.flashes == 2),
    "react": (0.25, lambda state: state.reaction == 0.25),
    "generator": ("shader", lambda state: state.cuts == ["cut", "shader"]),
    "tap": (1.0, lambda state: state.tempo.taps == [12.0]),
    "nudge": (15, lambda state: state.tempo.offset_s == 0.015),
    "seed": (42, lambda state: state.seed == 42),
    "quit": ([], lambda state: state.quit),
}


async def test_every_command_works(state: ControlState) -> None:
    async with OscServer("127.0.0.1", 0, state) as osc:
        client = SimpleUDPClient("127.0.0.1", osc.port)
        for name, (value, done) in COMMANDS.items():
            client.send_message(f"/aimv/{name}", value)
            await until(lambda done=done: done(state))
    assert state.refused == 0


async def test_a_bundle_is_several_commands(state: ControlState) -> None:
    bundle = bundles.OscBundleBuilder(bundles.IMMEDIATELY)
    for address, value in (("/aimv/seed", 3), ("/aimv/react", 1.5)):
        message = OscMessageBuilder(address=address)
        message.add_arg(value)
        bundle.add_content(message.build())
    async with OscServer("127.0.0.1", 0, state) as osc:
        SimpleUDPClient("127.0.0.1", osc.port).send(bundle.build())
        await until(lambda: (state.seed, state.reaction) == (3, 1.5))


@pytest.mark.parametrize(
    ("address", "value", "why"),
    [
        ("/aimv/react", 9.0, "from 0 to 2"),
        ("/aimv/reakt", 1.0, "did you mean react?"),
        ("/live/tempo", 1.0, "/aimv/NAME"),
        ("/aimv/react", [1.0, 2.0], "one value at most"),
        ("/aimv/style", b"blob", "one value at most"),
    ],
)
async def test_a_refusal_is_answered_with_its_reason(
    state: ControlState, address: str, value: object, why: str
) -> None:
    async with OscServer("127.0.0.1", 0, state) as osc:
        message = OscMessageBuilder(address=address)
        for each in value if isinstance(value, list) else [value]:
            message.add_arg(each)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            asking.bind(("127.0.0.1", 0))
            asking.sendto(message.build().dgram, ("127.0.0.1", osc.port))
            data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(asking, 4096), 20.0)
    answer = OscMessage(data)
    assert answer.address == "/aimv/refused"
    assert why in answer.params[1]
    assert state.applied == 0


async def test_a_thousand_invalid_packets(state: ControlState) -> None:
    random = np.random.default_rng(2)
    osc = OscServer("127.0.0.1", 0, state)
    good = OscMessageBuilder(address="/aimv/react")
    good.add_arg(1.0)
    packet = bytearray(good.build().dgram)
    for _ in range(1000):
        damaged = bytearray(packet if random.random() < 0.5 else random.bytes(int(random.integers(0, 80))))
        for _ in range(int(random.integers(1, 4))):
            if damaged:
                damaged[int(random.integers(len(damaged)))] = int(random.integers(256))
        osc.datagram_received(bytes(damaged), ("127.0.0.1", 9))
    assert state.refused > 500
    assert 0.0 <= state.reaction <= 2.0


async def test_a_port_in_use_or_invalid(state: ControlState) -> None:
    async with OscServer("127.0.0.1", 0, state) as first:
        with pytest.raises(UsageError, match="choose another port"):
            async with OscServer("127.0.0.1", first.port, state):
                pass
    assert parse_address("9000") == ("127.0.0.1", 9000)
    assert parse_address("0.0.0.0:9000") == ("0.0.0.0", 9000)  # noqa: S104
    for wrong in ("", "x", "0", "70000", "host"):
        with pytest.raises(UsageError, match="port"):
            parse_address(wrong)
