"""OSC over real UDP: every command, refusals answered, and packets that are none."""

import asyncio
import socket
from collections.abc import Callable

import numpy as np
import pytest
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import SimpleUDPClient

from engine.control.osc import Osc, address_of
from engine.control.state import Desk, Receiver
from engine.errors import UsageError
from tests.engine.control.conftest import until

COMMANDS: dict[str, tuple[object, Callable[[Desk], bool]]] = {
    "style": ("oil painting", lambda desk: desk.style == "oil painting"),
    "next": ([], lambda desk: desk.cuts == ["cut"]),
    "hold": (1, lambda desk: desk.hold),
    "blackout": (True, lambda desk: desk.blackout),
    "flashes": (2.0, lambda desk: desk.flashes == 2),
    "react": (0.25, lambda desk: desk.reaction == 0.25),
    "generator": ("shader", lambda desk: desk.cuts == ["cut", "shader"]),
    "tap": (1.0, lambda desk: desk._tempo._taps == [12.0]),
    "nudge": (15, lambda desk: desk._tempo.shift == 0.015),
    "seed": (42, lambda desk: desk.seed == 42),
    "quit": ([], lambda desk: desk.quit),
}


async def test_every_command_works(desk: Desk) -> None:
    async with Osc("127.0.0.1", 0, Receiver(desk)) as osc:
        client = SimpleUDPClient("127.0.0.1", osc.port)
        for name, (value, done) in COMMANDS.items():
            client.send_message(f"/aimv/{name}", value)
            await until(lambda done=done: done(desk))
    assert desk.refused == 0


async def test_a_bundle_is_several_commands(desk: Desk) -> None:
    bundle = OscBundleBuilder(IMMEDIATELY)
    for address, value in (("/aimv/seed", 3), ("/aimv/react", 1.5)):
        message = OscMessageBuilder(address=address)
        message.add_arg(value)
        bundle.add_content(message.build())
    async with Osc("127.0.0.1", 0, Receiver(desk)) as osc:
        SimpleUDPClient("127.0.0.1", osc.port).send(bundle.build())
        await until(lambda: (desk.seed, desk.reaction) == (3, 1.5))


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
async def test_a_refusal_is_answered_with_its_reason(desk: Desk, address: str, value: object, why: str) -> None:
    async with Osc("127.0.0.1", 0, Receiver(desk)) as osc:
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
    assert desk.followed == 0


async def test_a_thousand_packets_that_are_none(desk: Desk) -> None:
    random = np.random.default_rng(2)
    osc = Osc("127.0.0.1", 0, Receiver(desk))
    good = OscMessageBuilder(address="/aimv/react")
    good.add_arg(1.0)
    packet = bytearray(good.build().dgram)
    for _ in range(1000):
        damaged = bytearray(packet if random.random() < 0.5 else random.bytes(int(random.integers(0, 80))))
        for _ in range(int(random.integers(1, 4))):
            if damaged:
                damaged[int(random.integers(len(damaged)))] = int(random.integers(256))
        osc.datagram_received(bytes(damaged), ("127.0.0.1", 9))
    assert desk.refused > 500
    assert 0.0 <= desk.reaction <= 2.0


async def test_a_port_that_is_taken_or_none(desk: Desk) -> None:
    async with Osc("127.0.0.1", 0, Receiver(desk)) as first:
        with pytest.raises(UsageError, match="choose another port"):
            async with Osc("127.0.0.1", first.port, Receiver(desk)):
                pass
    assert address_of("9000") == ("127.0.0.1", 9000)
    assert address_of("0.0.0.0:9000") == ("0.0.0.0", 9000)  # noqa: S104
    for wrong in ("", "x", "0", "70000", "host"):
        with pytest.raises(UsageError, match="port"):
            address_of(wrong)
