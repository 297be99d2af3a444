"""A short endurance test: everything is counted, picture and sound stay in sync, and a leak is detected."""

import asyncio
import mmap
import sys
from pathlib import Path

import pytest

from tools.stress import soak


def test_a_short_show_counts_everything(tmp_path: Path) -> None:
    async def short() -> tuple[soak.Show, soak.ShowResult, soak.QueuedOutput]:
        show = soak.Show(hours=0.006, fps=5.0, seed=0, recording=tmp_path / "show.mp4")
        return show, *await soak.run(show, tmp_path)

    show, shown, tap = asyncio.run(short())
    assert shown.frames.drawn + shown.frames.skipped == pytest.approx((show.time() - show.first_s) * 5, abs=1.5)
    assert tap.written + tap.dropped == show.given == shown.frames.drawn
    assert sum(shown.seconds.values()) == pytest.approx(show.time(), abs=1.0)
    assert show.drift_s < soak.FRAME_S
    assert show.shots >= 2


def test_a_leak_has_a_slope_and_a_plateau_none() -> None:
    hours = [number / 30 for number in range(90)]
    assert soak.slope([(hour, 200 + 7 * hour) for hour in hours]) == pytest.approx(7)
    assert soak.slope([(hour, 200 + 50 * min(hour, 0.5)) for hour in hours]) == pytest.approx(0, abs=1e-6)


def test_a_clock_that_ignores_the_device_drifts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Frames timed by the machine's clock drift from the sound."""
    monkeypatch.setattr(soak, "PPM", 5000.0)
    monkeypatch.setattr(soak.CaptureClock, "time", lambda self, now: now)

    async def short() -> soak.Show:
        show = soak.Show(hours=0.006, fps=5.0, seed=0, recording=tmp_path / "show.mp4")
        await soak.run(show, tmp_path)
        return show

    assert asyncio.run(short()).drift_s > soak.FRAME_S


@pytest.mark.skipif(sys.platform != "linux", reason="reads the private memory")
def test_private_memory_is_measured() -> None:
    read = soak.private_memory_mb
    held = mmap.mmap(-1, 40 << 20)  # from the system, so that it goes back there
    for page in range(0, len(held), mmap.PAGESIZE):
        held[page] = 1
    before = read()
    held.close()
    assert before[0] - read()[0] > 30
