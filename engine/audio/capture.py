"""Live capture: blocks of sound on one continuous time line, and the clock that relates samples to machine time."""

import math
import queue
import threading
import time
from collections.abc import Callable
from typing import Literal, Protocol, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import AimvError

_BANDWIDTH_HZ = 0.1  # of the loop: block jitter is smoothed, a device that runs 100 ppm off is followed
_SETTLING_S = 2.0  # at first the loop is faster, and an outlier shows where the device really started
_OUTLIER_S = 0.02  # a callback later than this is an outlier
_JUMP_S = 0.5  # beyond this the device has jumped: the loop starts anew
_AHEAD_S = 0.25  # how far time runs on past the last block
SILENT_DB, SILENT_S = -60.0, 3.0  # below the first for as long as the second, the input is called silent
LOST_S = 1.0  # without a block: the device is gone
FIRST_S = 4.0  # the longest wait for a device's first block; an idle PulseAudio monitor takes two seconds
RETRY_S = (0.5, 1.0, 2.0)  # between attempts to open it again
_FILL_S = 0.02
_LONGEST_QUEUE = 400  # blocks; a device delivers some 200 a second
_FALL_DB_S = 20.0  # of the meter

# What a device calls with each block: samples [n, channels], when the last was captured (s, time.perf_counter), and
# whether sound was lost before it. The samples are its own only until the call returns.
AudioCallback = Callable[[NDArray[np.float32], float, bool], None]
State = Literal["open", "lost"]


class CaptureClock:
    """Seconds of captured sound as a function of this machine's clock, by a delay-locked loop.

    See Adriaensen, "Using a DLL to filter time", 2005. A device's crystal and the machine's differ by parts per
    million, which is tenths of a second in an hour: captured sound is therefore timed in the device's own samples.
    """

    def __init__(self, rate: int) -> None:
        """`rate` is the device's nominal one, Hz."""
        self._rate = rate
        self.samples = 0  # captured so far
        self._settling_from = 0  # sample
        self._next_at = 0.0  # when the next sample is captured
        self._period = 1.0 / rate
        self._latest = 0.0

    def update(self, count: int, at: float) -> None:
        """`count` more samples have been captured; the last of them at about `at` (s of this machine's clock)."""
        if not self.samples:
            self._next_at, self._settling_from, self.samples = at, count, count
            return
        self.samples += count
        error = at - (self._next_at + count * self._period)
        settled = (self.samples - self._settling_from) / self._rate >= _SETTLING_S
        if abs(error) > (_JUMP_S if settled else _OUTLIER_S):
            self._next_at, self._period, self._settling_from = at, 1.0 / self._rate, self.samples
            return
        omega = min(0.5, 2.0 * math.pi * (_BANDWIDTH_HZ if settled else 10 * _BANDWIDTH_HZ) * count / self._rate)
        error = max(-_OUTLIER_S, min(_OUTLIER_S, error))
        self._next_at += count * self._period + math.sqrt(2.0) * omega * error
        drift = omega * omega * error / count
        nominal = 1.0 / self._rate
        self._period = min(max(self._period + drift, 0.99 * nominal), 1.01 * nominal)

    def settle(self) -> None:
        """Start settling again: the device has been reopened, and its first blocks are late."""
        self._settling_from = self.samples

    def time(self, now: float) -> float:
        """Seconds of sound captured at `now`; never runs back."""
        if self.samples:
            since = min(now - self._next_at, _AHEAD_S)
            self._latest = max(self._latest, (self.samples + since / self._period) / self._rate)
        return self._latest

    def time_of(self, sample: int) -> float:
        """When that sample was or will be captured, s of this machine's clock."""
        return self._next_at + (sample - self.samples) * self._period


class Device(Protocol):
    """A source of captured sound; `engine.audio.devices` has the real one."""

    name: str
    rate: int
    channels: int

    def open(self, callback: AudioCallback) -> None:
        """Start calling `callback`, from a thread of the device's own; AimvError if the device is not there."""
        ...

    def close(self) -> None:
        """Stop calling the callback."""
        ...


class Block(msgspec.Struct, frozen=True):
    """Captured sound on the time line."""

    start: int  # sample since the start
    samples: NDArray[np.float32]  # [n, channels], finite
    arrival: float  # s, time.perf_counter, when the device delivered its beginning ...
    end_arrival: float  # ... and its end, which is later where several blocks were queued


class Meter:
    """A peak level meter with a slow fall, and a silence detector."""

    def __init__(self, rate: int) -> None:
        self.peak_db = -120.0  # falls slowly
        self._rate = rate
        self._quiet = 0  # samples

    @property
    def silent(self) -> bool:
        """Whether the level was below SILENT_DB for SILENT_S."""
        return self._quiet >= SILENT_S * self._rate

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take in [n, channels]."""
        peak = float(np.abs(samples).max(initial=0.0))
        decibels = 20 * math.log10(max(peak, 1e-6))
        fallen = self.peak_db - _FALL_DB_S * len(samples) / self._rate
        self.peak_db = max(decibels, fallen, -120.0)
        self._quiet = 0 if decibels > SILENT_DB else self._quiet + len(samples)


class LiveInput:
    """Captures from `device` and passes every block to `on_block`, in a thread of its own.

    The time line never stops: while the device is gone it is filled with silence, and the device is reopened as soon as
    it is back. Use as a context manager; entering raises what opening the device raises.
    """

    def __init__(self, device: Device, on_block: Callable[[Block], None]) -> None:
        self.device = device
        self.state: State = "open"
        self.xruns = 0  # times that the device lost sound
        self.overflows = 0  # blocks dropped because the queue was full
        self.losses = 0  # times that the device was gone
        self.error = ""  # why it cannot be opened, in one line
        self.meter = Meter(device.rate)
        self.clock = CaptureClock(device.rate)
        self._on_block = on_block
        self._queue: queue.Queue[tuple[NDArray[np.float32], float, float, bool]] = queue.Queue(_LONGEST_QUEUE)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live input", daemon=True)

    def time(self) -> float:
        """Seconds captured so far."""
        return self.clock.time(time.perf_counter())

    def __enter__(self) -> Self:
        self.device.open(self._enqueue)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()
        self.device.close()

    def _enqueue(self, samples: NDArray[np.float32], at: float, lost: bool) -> None:
        """The device's callback: copy and enqueue, nothing else."""
        try:
            self._queue.put_nowait((samples.copy(), at, time.perf_counter(), lost))
        except queue.Full:
            self.overflows += 1

    def _run(self) -> None:
        timeout = FIRST_S
        while not self._ending.is_set():
            try:
                samples, at, arrival, lost = self._queue.get(timeout=timeout)
            except queue.Empty:
                self._fill_gap(timeout)
                continue
            finally:
                timeout = LOST_S
            parts, end_arrival = [samples], arrival
            while not self._queue.empty():  # this thread is the only consumer
                samples, at, end_arrival, more_lost = self._queue.get_nowait()
                parts.append(samples)
                lost = lost or more_lost
            self.xruns += lost
            self._emit(np.concatenate(parts) if len(parts) > 1 else samples, at, arrival, end_arrival)

    def _emit(self, samples: NDArray[np.float32], at: float, arrival: float, end_arrival: float) -> None:
        start = self.clock.samples
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        self.clock.update(len(samples), at)
        self.meter.push(samples)
        self._on_block(Block(start, samples, arrival, end_arrival))

    def _fill_gap(self, gap: float) -> None:
        """Emit silence while the device is gone, `gap` s by now, until it is back."""
        self.state = "lost"
        self.losses += 1
        back = threading.Event()
        opening = threading.Thread(target=self._reopen, args=(back,), name="live input: reopen", daemon=True)
        opening.start()
        due = time.perf_counter()
        while not self._ending.is_set():
            if back.is_set() and not self._queue.empty():
                break
            now = time.perf_counter()
            count = round((now - due + gap) * self.device.rate)
            due, gap = now, 0.0
            if count > 0:
                self._emit(np.zeros((count, self.device.channels), np.float32), now, now, now)
            self._ending.wait(_FILL_S)
        opening.join()
        self.clock.settle()
        if not self._ending.is_set():
            self.state = "open"

    def _reopen(self, back: threading.Event) -> None:
        """Close and open the device until it delivers sound or capture ends; the device may block for any time."""
        attempts = 0
        while not self._ending.is_set():
            self.device.close()
            try:
                self.device.open(self._enqueue)
            except AimvError as error:
                self.error = str(error)
            else:
                if self._delivers():
                    self.error = ""
                    back.set()
                    return
            self._ending.wait(RETRY_S[min(attempts, len(RETRY_S) - 1)])
            attempts += 1

    def _delivers(self) -> bool:
        """Whether a device that could be opened delivers sound."""
        until = time.perf_counter() + FIRST_S
        while time.perf_counter() < until and not self._ending.is_set():
            if not self._queue.empty():
                return True
            self._ending.wait(_FILL_S)
        return False
