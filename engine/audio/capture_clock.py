"""When a captured sample was captured: a delay-locked loop from the device's samples to this machine's clock."""

import math

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

    def mark(self, count: int, at: float) -> None:
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

    def when(self, sample: int) -> float:
        """When that sample was or will be captured, s of this machine's clock."""
        return self._at + (sample - self._samples) * self._period

    @property
    def ppm(self) -> float:
        """By how many parts per million the device runs faster than this machine's clock."""
        return 1e6 * (1.0 / (self._period * self._rate) - 1.0)
