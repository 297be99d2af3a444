"""Ableton Link with a second peer: its tempo and phase take precedence while it is connected."""

import asyncio
import time

import pytest

from engine.audio.beats import Tempo
from engine.control.link import LinkSession
from tests.engine.control.conftest import until

aalink = pytest.importorskip("aalink")


async def test_the_room_rules_while_somebody_is_in_it() -> None:
    tempo = Tempo()
    link = LinkSession(tempo, time.monotonic)
    other = aalink.Link(97.0)
    other.enabled = True
    task = asyncio.create_task(link.run())
    try:
        await until(lambda: tempo.source == "link")
        await until(lambda: abs((tempo.bpm or 0.0) - other.tempo) < 0.1)
        apart = (tempo.at(time.monotonic())[0] - other.beat) % 1.0
        assert min(apart, 1.0 - apart) < 0.15
        other.enabled = False
        await until(lambda: tempo.source != "link")
    finally:
        task.cancel()
        await asyncio.wait([task])
        other.enabled = False
