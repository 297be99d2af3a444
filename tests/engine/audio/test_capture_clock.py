"""The capture clock follows a device with a rate error, for any jitter of its callbacks."""

import numpy as np
import pytest

from engine.audio.capture import CaptureClock

RATE, BLOCK = 48_000, 480


def run(clock: CaptureClock, seconds: float, ppm: float, jitter: float = 0.0, begins: float = 100.0) -> float:
    """Capture blocks of a device that runs `ppm` off; returns the machine's time at the end."""
    random = np.random.default_rng(1)
    true = RATE * (1 + ppm * 1e-6)
    first = clock.samples
    for number in range(1, round(seconds * RATE / BLOCK) + 1):
        clock.update(BLOCK, begins + number * BLOCK / true + abs(random.normal(0, jitter)))
    return begins + (clock.samples - first) / true


@pytest.mark.parametrize("ppm", [0.0, 100.0, -100.0])
def test_it_follows_a_device_that_runs_off(ppm: float) -> None:
    clock = CaptureClock(RATE)
    now = run(clock, 120.0, ppm, jitter=0.002)
    assert clock.time(now) == pytest.approx(clock.samples / RATE, abs=0.004)
    second = clock.time_of(clock.samples + RATE) - clock.time_of(clock.samples)  # of the device, by this machine
    assert 1e6 * (1 / second - 1) == pytest.approx(ppm, abs=60.0)


def test_late_callbacks_hardly_move_it() -> None:
    clock = CaptureClock(RATE)
    now = run(clock, 30.0, 0.0)
    clock.update(BLOCK, now + BLOCK / RATE + 0.2)  # the thread was held up
    assert clock.time_of(clock.samples) == pytest.approx(now + BLOCK / RATE, abs=0.001)


def test_the_clock_extrapolates_for_a_while_and_is_monotonic() -> None:
    clock = CaptureClock(RATE)
    now = run(clock, 10.0, 0.0)
    assert clock.time(now + 0.005) == pytest.approx(10.005, abs=1e-4)
    assert clock.time(now + 60.0) == pytest.approx(10.25, abs=1e-3)
    assert clock.time(now) == pytest.approx(10.25, abs=1e-3)


def test_a_jump_of_the_device_begins_anew() -> None:
    clock = CaptureClock(RATE)
    now = run(clock, 10.0, 0.0)
    end = run(clock, 5.0, 0.0, begins=now + 30.0)
    assert clock.time(end) == pytest.approx(15.0, abs=0.001)


@pytest.mark.parametrize("again", [False, True])
def test_a_device_that_stalls_after_its_first_blocks_is_found_at_once(again: bool) -> None:
    """An idle monitor of PulseAudio hands over a few blocks, and the rest begins a fifth of a second later."""
    clock = CaptureClock(RATE)
    now = 100.0
    if again:
        now = run(clock, 30.0, 0.0)
        clock.settle()
    before = clock.samples / RATE
    now = run(clock, 0.05, 0.0, begins=now)
    now = run(clock, 0.3, 0.0, begins=now + 0.19)
    assert clock.time_of(clock.samples) == pytest.approx(now, abs=0.002)
    assert clock.time(now) == pytest.approx(before + 0.35, abs=0.2), "it does not run back"
