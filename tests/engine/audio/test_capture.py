"""Capture: a continuous time line from a device that has jitter, loses sound, is lost and returns."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from engine.audio import capture
from engine.audio.capture import Block, LiveInput, Meter
from engine.errors import DeviceError
from tests.conftest import tone

RATE = 8000


class Device:
    """A device that a test plays by hand."""

    name, rate, channels = "by hand", RATE, 2

    def __init__(self) -> None:
        self.there = True
        self.opened = 0
        self.callback: capture.AudioCallback | None = None

    def open(self, callback: capture.AudioCallback) -> None:
        if not self.there:
            raise DeviceError("the input is gone")
        self.opened += 1
        self.callback = callback

    def close(self) -> None:
        self.callback = None

    def play(self, samples: np.ndarray, lost: bool = False) -> None:
        assert self.callback
        self.callback(samples, time.perf_counter(), lost)


def stereo(seconds: float, level: float = 0.5) -> np.ndarray:
    return np.repeat(tone(seconds, 100.0, RATE, level)[:, None], 2, axis=1)


def wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + 20.0
    while not until():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def test_blocks_are_ordered_on_one_time_line_and_copied() -> None:
    device, blocks = Device(), []
    with LiveInput(device, blocks.append) as live_input:
        buffer = stereo(0.1)
        for number in range(5):
            buffer[:] = number / 10
            device.play(buffer, lost=number == 3)
            buffer[:] = np.nan
        wait(lambda: sum(len(block.samples) for block in blocks) == 4000)
        assert live_input.xruns == 1
    whole = np.concatenate([block.samples for block in blocks])
    assert np.array_equal(whole[::800, 0], np.array([0.0, 0.1, 0.2, 0.3, 0.4], np.float32))
    ends = [block.start + len(block.samples) for block in blocks]
    assert [block.start for block in blocks] == [0, *ends[:-1]]
    assert device.callback is None, "closed"


def test_blocks_that_had_to_wait_are_one_and_have_their_arrival_times() -> None:
    device, blocks, go = Device(), [], threading.Event()

    def slow(block: Block) -> None:
        blocks.append(block)
        go.wait(20.0)

    with LiveInput(device, slow):
        device.play(stereo(0.1))
        wait(lambda: len(blocks) == 1)
        before = time.perf_counter()
        device.play(stereo(0.1))
        between = time.perf_counter()
        device.play(stereo(0.1))
        go.set()
        wait(lambda: len(blocks) == 2)
    assert len(blocks[1].samples) == 2 * len(blocks[0].samples)
    assert before <= blocks[1].arrival <= between <= blocks[1].end_arrival


def test_nan_and_infinity_become_silence() -> None:
    device, blocks = Device(), []
    with LiveInput(device, blocks.append):
        device.play(np.full((100, 2), np.nan, np.float32))
        wait(lambda: bool(blocks))
    assert not blocks[0].samples.any()


def test_a_lost_device_is_reopened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "LOST_S", 0.1)
    monkeypatch.setattr(capture, "RETRY_S", (0.02,))
    device = Device()
    blocks: list[Block] = []
    with LiveInput(device, blocks.append) as live_input:
        device.play(stereo(0.1))
        wait(lambda: bool(blocks))
        device.there = False
        wait(lambda: live_input.state == "lost" and live_input.error == "the input is gone")
        wait(lambda: live_input.clock.samples > 2000)  # the time line goes on, in silence
        assert not blocks[-1].samples.any()
        before = live_input.time()
        device.there = True
        wait(lambda: device.callback is not None)
        feeding = threading.Event()

        def feed() -> None:
            while not feeding.wait(0.02):
                device.play(stereo(0.02))

        thread = threading.Thread(target=feed)
        thread.start()
        wait(lambda: live_input.state == "open" and bool(blocks[-1].samples.any()))
        assert (live_input.losses, device.opened, live_input.error) == (1, 2, "")
        assert live_input.time() >= before
        feeding.set()
        thread.join()
    ends = [block.start + len(block.samples) for block in blocks]
    assert [block.start for block in blocks] == [0, *ends[:-1]], "without a gap"


def test_a_missing_device_is_reported_at_once() -> None:
    device = Device()
    device.there = False
    with pytest.raises(DeviceError, match="gone"), LiveInput(device, print):
        pass


def test_the_meter_tells_silence_and_level() -> None:
    meter = Meter(RATE)
    meter.push(stereo(1.0, 0.5))
    assert meter.peak_db == pytest.approx(-6.0, abs=0.1)
    assert not meter.silent
    meter.push(np.zeros((RATE, 2), np.float32))
    assert meter.peak_db == pytest.approx(-26.0, abs=0.1), "falls slowly"
    assert not meter.silent
    meter.push(np.full((3 * RATE, 2), 1e-4, np.float32))
    assert meter.silent
