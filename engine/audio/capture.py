"""Sound that comes in while the show runs: blocks on one time line, whatever the device does meanwhile.

When a captured sample was captured: a delay-locked loop from the device's samples to this machine's clock.
"""

import math
import queue
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Protocol, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import AimvError

_BANDWIDTH_HZ = 0.1  # of the loop: block jitter is smoothed, a device that runs 100 ppm off is followed
_SETTLING_S = 2.0  # at first the loop is faster, and an outlier is where the device has begun in truth
_OUTLIER_S = 0.02  # a callback that comes later than this says little about the device
_LOST_S = 0.5  # beyond this the device has jumped: begin anew
_AHEAD_S = 0.25  # time goes on past the last block for so long


class CaptureClock:
    """Seconds of captured sound as a function of this machine's clock (Adriaensen, "Using a DLL to filter time", 2005).

    A device's crystal and the machine's differ by parts per million, which is tenths of a second in an hour: what is
    heard is therefore timed in the device's own samples.
    """

    def __init__(self, rate: int) -> None:
        """`rate` is the device's nominal one, Hz."""
        self._rate = rate
        self._samples = 0
        self._begun = 0
        self._at = 0.0  # when the next sample is captured
        self._period = 1.0 / rate
        self._started = False
        self._latest = 0.0

    @property
    def samples(self) -> int:
        """Samples captured so far."""
        return self._samples

    def update(self, count: int, at: float) -> None:
        """`count` more samples have been captured; the last of them at about `at` (s of this machine's clock)."""
        self._samples += count
        if not self._started:
            self._started, self._at, self._begun = True, at, self._samples
            return
        error = at - (self._at + count * self._period)
        settled = (self._samples - self._begun) / self._rate >= _SETTLING_S
        if abs(error) > (_LOST_S if settled else _OUTLIER_S):
            self._at, self._period, self._begun = at, 1.0 / self._rate, self._samples
            return
        omega = min(0.5, 2.0 * math.pi * (_BANDWIDTH_HZ if settled else 10 * _BANDWIDTH_HZ) * count / self._rate)
        error = max(-_OUTLIER_S, min(_OUTLIER_S, error))
        self._at += count * self._period + math.sqrt(2.0) * omega * error
        drift = omega * omega * error / count
        nominal = 1.0 / self._rate
        self._period = min(max(self._period + drift, 0.99 * nominal), 1.01 * nominal)

    def settle(self) -> None:
        """The device has been opened anew: what it says at first is not what it said before."""
        self._begun = self._samples

    def time(self, now: float) -> float:
        """Seconds of sound captured at `now`; never runs back."""
        if self._started:
            since = min(now - self._at, _AHEAD_S)
            self._latest = max(self._latest, (self._samples + since / self._period) / self._rate)
        return self._latest

    def time_of(self, sample: int) -> float:
        """When that sample was or will be captured, s of this machine's clock."""
        return self._at + (sample - self._samples) * self._period

    @property
    def ppm(self) -> float:
        """By how many parts per million the device runs faster than this machine's clock."""
        return 1e6 * (1.0 / (self._period * self._rate) - 1.0)


SILENT_DB, SILENT_S = -60.0, 3.0  # below the first for as long as the second, the input is called silent
LOST_S = 1.0  # without a block: the device is gone
FIRST_S = 4.0  # what a device may take to its first block; an idle PulseAudio monitor takes two seconds
_RETRY_S = (0.5, 1.0, 2.0)  # between tries to open it again
_FILL_S = 0.02
_WAITING = 400  # blocks on their way from the device at most; a device hands over some 200 a second
_FALL_DB_S = 20.0  # of the meter

# What a device calls with each block: samples [n, channels], when the last was captured (s, time.perf_counter), and
# whether sound was lost before it. The samples are its own only until the call returns.
AudioCallback = Callable[[NDArray[np.float32], float, bool], None]
State = Literal["open", "lost"]


class Device(Protocol):
    """What sound is captured from; `engine.audio.devices` has the real one."""

    name: str
    rate: int
    channels: int

    def open(self, take: AudioCallback) -> None:
        """Begin to call `take`, from a thread of the device's own; AimvError if it is not there."""
        ...

    def close(self) -> None:
        """Call `take` no more."""
        ...


class Block(msgspec.Struct, frozen=True):
    """Captured sound on the show's time line."""

    start: int  # sample of the show
    samples: NDArray[np.float32]  # [n, channels], finite
    arrival: float  # s, time.perf_counter, when the device handed over its beginning ...
    end_arrival: float  # ... and its end, which is later where several blocks had to wait


class Meter:
    """The input's level as a person reads it, and whether there is any sound."""

    def __init__(self, rate: int) -> None:
        self.peak_db = -120.0  # falls slowly
        self._rate = rate
        self._quiet = 0  # samples

    @property
    def silent(self) -> bool:
        """Whether nothing was heard for some time."""
        return self._quiet >= SILENT_S * self._rate

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take in [n, channels]."""
        peak = float(np.abs(samples).max(initial=0.0))
        decibels = 20 * math.log10(max(peak, 1e-6))
        fallen = self.peak_db - _FALL_DB_S * len(samples) / self._rate
        self.peak_db = max(decibels, fallen, -120.0)
        self._quiet = 0 if decibels > SILENT_DB else self._quiet + len(samples)


class LiveInput:
    """Captures from `device` and gives every block to `on_block`, in a thread of its own.

    The time line never stops: while the device is gone, silence is given in its place, and the device is opened again
    as soon as it is back. Use as a context manager; entering raises what opening the device raises.
    """

    def __init__(self, device: Device, on_block: Callable[[Block], None]) -> None:
        self.device = device
        self.state: State = "open"
        self.xruns = 0  # times that the device lost sound
        self.overflows = 0  # blocks that were not fetched in time
        self.losses = 0  # times that the device was gone
        self.why = ""  # it cannot be opened, in one line
        self.meter = Meter(device.rate)
        self.clock = CaptureClock(device.rate)
        self._on_block = on_block
        self._queue: queue.Queue[tuple[NDArray[np.float32], float, float, bool]] = queue.Queue(_WAITING)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="live input", daemon=True)

    def time(self) -> float:
        """Seconds of the show captured so far."""
        return self.clock.time(time.perf_counter())

    def __enter__(self) -> Self:
        self.device.open(self._take)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        self.device.close()

    def _take(self, samples: NDArray[np.float32], at: float, lost: bool) -> None:
        """The device's callback: copy and hand over, nothing else."""
        try:
            self._queue.put_nowait((samples.copy(), at, time.perf_counter(), lost))
        except queue.Full:
            self.overflows += 1

    def _work(self) -> None:
        patience = FIRST_S
        while not self._ending.is_set():
            try:
                samples, at, came, lost = self._queue.get(timeout=patience)
            except queue.Empty:
                self._outlast(patience)
                continue
            finally:
                patience = LOST_S
            parts, ended = [samples], came
            while not self._queue.empty():  # only this thread takes: what is there can be had
                samples, at, ended, more = self._queue.get_nowait()
                parts.append(samples)
                lost = lost or more
            self.xruns += lost
            self._give(np.concatenate(parts) if len(parts) > 1 else samples, at, came, ended)

    def _give(self, samples: NDArray[np.float32], at: float, came: float, ended: float) -> None:
        start = self.clock.samples
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        self.clock.update(len(samples), at)
        self.meter.push(samples)
        self._on_block(Block(start, samples, came, ended))

    def _outlast(self, gap: float) -> None:
        """The device is gone, since `gap` s: give silence until it is back."""
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
                self._give(np.zeros((count, self.device.channels), np.float32), now, now, now)
            self._ending.wait(_FILL_S)
        opening.join()
        self.clock.settle()
        if not self._ending.is_set():
            self.state = "open"

    def _reopen(self, back: threading.Event) -> None:
        """Close and open the device until sound comes, or the show ends; it may block for as long as it likes."""
        tries = 0
        while not self._ending.is_set():
            self.device.close()
            try:
                self.device.open(self._take)
            except AimvError as error:
                self.why = str(error)
            else:
                if self._comes():
                    self.why = ""
                    back.set()
                    return
            self._ending.wait(_RETRY_S[min(tries, len(_RETRY_S) - 1)])
            tries += 1

    def _comes(self) -> bool:
        """Whether a device that could be opened gives sound."""
        until = time.perf_counter() + FIRST_S
        while time.perf_counter() < until and not self._ending.is_set():
            if not self._queue.empty():
                return True
            self._ending.wait(_FILL_S)
        return False
