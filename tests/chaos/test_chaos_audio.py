"""The audio device is lost, hangs, or sends invalid samples: the time line has no gap, and sound returns."""

import random
import time
from collections.abc import Callable

import numpy as np
import pytest

from engine.audio import capture
from engine.audio.capture import Block, LiveInput
from tests.chaos.conftest import Tally, rounds
from tests.engine.audio.test_capture import RATE, Device, stereo

ROW = "audio device gone"
PATIENCE_S = 120.0


def wait(until: Callable[[], object], feed: Callable[[], None] = lambda: None) -> None:
    end = time.monotonic() + PATIENCE_S
    while not until():
        assert time.monotonic() < end, "timeout"
        feed()
        time.sleep(0.005)


def test_repeated_device_losses(monkeypatch: pytest.MonkeyPatch, tally: Tally, rng: random.Random) -> None:
    monkeypatch.setattr(capture, "LOST_S", 0.1)
    monkeypatch.setattr(capture, "FIRST_S", 0.5)
    monkeypatch.setattr(capture, "RETRY_S", (0.02,))
    device, blocks = Device(), []

    def play() -> None:
        if device.callback:
            device.play(stereo(0.01), lost=rng.random() < 0.1)

    def gone() -> None:
        device.there = False
        device.close()

    def hangs() -> None:
        """It stays open and says nothing."""

    def nonsense() -> None:
        device.play(np.full((800, 2), rng.choice((np.nan, np.inf, 1e30)), np.float32))

    with LiveInput(device, blocks.append) as live_input:
        wait(lambda: blocks, play)
        for _ in range(rounds(6, 100)):
            with tally.fault():
                losses = live_input.losses
                fault = rng.choice((gone, hangs, nonsense))
                fault()
                if fault is not nonsense:
                    wait(lambda losses=losses: live_input.losses > losses)
                    before = live_input.clock.samples
                    wait(lambda before=before: live_input.clock.samples > before + RATE // 50)
                device.there = True
                wait(lambda: live_input.state == "open" and blocks[-1].samples.any(), play)
    _without_a_gap(blocks)
    assert all(np.isfinite(block.samples).all() for block in blocks)


def _without_a_gap(blocks: list[Block]) -> None:
    ends = [block.start + len(block.samples) for block in blocks]
    assert [block.start for block in blocks] == [0, *ends[:-1]]
