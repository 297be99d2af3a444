"""What time it is in the song: the audio device's count of samples, or a clock that tests move by hand."""

import asyncio
import time
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engine.audio.devices import sound_library
from engine.errors import DeviceError


class Clock(Protocol):
    """Song time; runs between `async with` and its end."""

    def finished(self) -> bool:
        """Whether the last of the song has been heard."""
        ...

    def time(self) -> float:
        """Seconds of the song heard so far."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let `seconds` of song time pass; not more, where the device can tell."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class VirtualClock:
    """Time that passes only in `sleep` and `advance`: a song of minutes plays in milliseconds."""

    def __init__(self, length: float) -> None:
        """`length` is the song's, in seconds."""
        self._length, self._now = length, 0.0

    def finished(self) -> bool:
        return self._now >= self._length

    def time(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass, as slow work does."""
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class AudioClock:
    """Plays a song by PortAudio; its time is what the device has played, so that the picture follows the sound.

    The time is the position at which the last block was handed over, less the time that the block needed to reach the
    loudspeaker, plus the time since. It never runs back and never past what was handed over.
    """

    def __init__(self, sound: NDArray[np.float32], rate: int) -> None:
        """`sound` is the song, [n, channels], full scale 1.0, at `rate` Hz."""
        self._sound, self._rate = np.ascontiguousarray(sound, dtype=np.float32), rate
        self.underruns = 0  # times the device asked too late for sound
        self.paused = False
        self._position = 0  # samples handed over
        self._mark = (0, 0, 0.0, 0.0)  # position and length of the last block, when it came, s until it is heard
        self._latest = 0.0
        self._stream: Any = None

    def finished(self) -> bool:
        return self.time() >= len(self._sound) / self._rate

    def time(self) -> float:
        position, length, came, delay = self._mark
        if length:
            heard = position / self._rate + time.perf_counter() - came - delay
            self._latest = max(self._latest, min(heard, (position + length) / self._rate))
        return self._latest

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def __aenter__(self) -> Self:
        """Open the default output and begin to play.

        Raises:
            MissingExtra: sounddevice is not installed.
            DeviceError: PortAudio or a sound output is missing.
        """
        sounddevice = sound_library("playing sound")
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=self._rate, channels=self._sound.shape[1], dtype="float32", callback=self._hand_over
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise DeviceError(f"no sound output ({error}): connect one") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def _hand_over(self, out: NDArray[np.float32], frames: int, times: Any, status: Any) -> None:
        """PortAudio's callback: copy and note when, nothing else."""
        if status:
            self.underruns += 1
        position = self._position
        part = self._sound[position : position if self.paused else position + frames]
        out[: len(part)] = part
        out[len(part) :] = 0.0
        delay = times.outputBufferDacTime - times.currentTime
        if not 0.0 < delay < 2.0:  # some hosts do not say
            delay = self._stream.latency
        self._position = position + len(part)
        if len(part):  # silence after the end or in a pause is no song
            self._mark = (position, len(part), time.perf_counter(), delay)
