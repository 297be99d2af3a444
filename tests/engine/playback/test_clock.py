"""The audio device's clock: played samples, and errors for missing parts."""

import importlib
import sys
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.errors import DeviceError, MissingExtra
from engine.playback.player import AudioClock
from tests.support.clock import VirtualClock

RATE = 1000


class Device:
    """PortAudio's side: asks for blocks, says how long they need to the loudspeaker."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, delay: float = 0.03) -> None:
        self.now, self.delay = 50.0, delay
        self.closed = False
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        monkeypatch.setitem(
            sys.modules, "sounddevice", SimpleNamespace(OutputStream=self._open, PortAudioError=OSError)
        )

    def _open(self, **settings: Any) -> "Device":
        self.settings = settings
        return self

    def start(self) -> None: ...

    def close(self) -> None:
        self.closed = True

    latency = 0.05

    def ask(self, frames: int, status: bool = False) -> np.ndarray:
        out = np.full((frames, 2), np.nan, np.float32)
        times = SimpleNamespace(outputBufferDacTime=self.delay + 7.0 if self.delay else 0.0, currentTime=7.0)
        self.settings["callback"](out, frames, times, status)
        return out


def song(samples: int) -> np.ndarray:
    return np.repeat(np.arange(samples, dtype=np.float32)[:, None], 2, axis=1) / samples


async def test_the_time_is_what_has_been_played(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(monkeypatch)
    async with AudioClock(song(1000), RATE) as clock:
        assert clock.time() == 0.0
        played = [device.ask(100)]
        assert clock.time() == 0.0, "not yet at the loudspeaker"
        device.now += 0.05
        assert clock.time() == pytest.approx(0.02)
        device.now += 0.05
        played.append(device.ask(100))
        assert clock.time() == pytest.approx(0.07)
        device.now += 10.0
        assert clock.time() == pytest.approx(0.2), "never past what was handed over"
        assert np.array_equal(np.concatenate(played), song(1000)[:200])
    assert device.closed


async def test_it_never_runs_back(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(monkeypatch)
    async with AudioClock(song(1000), RATE) as clock:
        device.ask(100)
        device.now += 0.11
        before = clock.time()
        device.delay = 0.09
        device.ask(100)
        assert clock.time() == before


async def test_the_song_ends_when_its_last_sample_was_played(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(monkeypatch)
    async with AudioClock(song(150), RATE) as clock:
        device.ask(100)
        device.now += 0.1
        last = device.ask(100)
        assert np.array_equal(last[50:], np.zeros((50, 2))), "silence after the end"
        for _ in range(5):
            assert not clock.finished() or clock.time() == pytest.approx(0.15)
            device.now += 0.02
            device.ask(20)
        assert clock.finished()


async def test_a_pause_stops_the_time_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(monkeypatch)
    async with AudioClock(song(1000), RATE) as clock:
        device.ask(100)
        clock.paused = True
        for _ in range(10):
            device.now += 0.1
            assert not device.ask(100).any()
        assert clock.time() == pytest.approx(0.1)
        clock.paused = False
        assert np.array_equal(device.ask(100), song(1000)[100:200])


async def test_a_host_that_does_not_report_the_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(monkeypatch, delay=0.0)
    async with AudioClock(song(1000), RATE) as clock:
        device.ask(200)
        device.now += 0.15
        assert clock.time() == pytest.approx(0.1), "the stream's latency is taken"


async def test_underruns_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Device(monkeypatch)
    async with AudioClock(song(1000), RATE) as clock:
        device.ask(10)
        device.ask(10, status=True)
        assert clock.underruns == 1


@pytest.mark.parametrize(
    ("problem", "kind", "named"),
    [(ImportError(), MissingExtra, "live"), (OSError("PortAudio library not found"), DeviceError, "libportaudio2")],
)
async def test_a_missing_part_is_named(
    monkeypatch: pytest.MonkeyPatch, problem: Exception, kind: type[Exception], named: str
) -> None:
    def missing(name: str) -> None:
        raise problem

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(kind, match=named):
        async with AudioClock(song(10), RATE):
            pass


async def test_virtual_time_passes_in_sleep_only() -> None:
    async with VirtualClock(1.0) as clock:
        await clock.sleep(0.4)
        await clock.sleep(-5.0)
        assert clock.time() == pytest.approx(0.4)
        assert not clock.finished()
        clock.advance(0.6)
        assert clock.finished()
