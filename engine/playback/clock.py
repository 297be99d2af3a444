"""Song time, counted by the audio device."""

import asyncio
import time
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from engine.audio.devices import sound_library
from engine.errors import DeviceError


class Clock(Protocol):
    """Song time; runs between `async with` and its end."""

    def finished(self) -> bool:
        """Whether the song has been played to its end."""
        ...

    def time(self) -> float:
        """Seconds of the song played so far."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds` of song time."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *_: object) -> None: ...


class AudioClock:
    """Plays a song by PortAudio; its time is what the device has played, so that pictures follow the sound.

    The time is the position of the last block copied to the device, less its latency to the loudspeaker, plus the time
    since. It never runs back and never past what was copied.
    """

    def __init__(self, sound: NDArray[np.float32], rate: int) -> None:
        """`sound` is the song, [n, channels], full scale 1.0, at `rate` Hz."""
        self._sound, self._rate = np.ascontiguousarray(sound, dtype=np.float32), rate
        self.underruns = 0  # times that the device asked too late for sound
        self.paused = False
        self._position = 0  # samples copied to the device
        self._last_block = (0, 0, 0.0, 0.0)  # position, length, when it was copied, latency in s
        self._latest = 0.0
        self._stream: Any = None

    def finished(self) -> bool:
        return self.time() >= len(self._sound) / self._rate

    def time(self) -> float:
        position, length, copied, delay = self._last_block
        if length:
            played = position / self._rate + time.perf_counter() - copied - delay
            self._latest = max(self._latest, min(played, (position + length) / self._rate))
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
                samplerate=self._rate, channels=self._sound.shape[1], dtype="float32", callback=self._callback
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise DeviceError(f"no sound output ({error}): connect one") from None
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stream.close()

    def _callback(self, out: NDArray[np.float32], frames: int, times: Any, status: Any) -> None:
        """PortAudio's callback: copies the next block and notes when, nothing else."""
        if status:
            self.underruns += 1
        position = self._position
        part = self._sound[position : position if self.paused else position + frames]
        out[: len(part)] = part
        out[len(part) :] = 0.0
        delay = times.outputBufferDacTime - times.currentTime
        if not 0.0 < delay < 2.0:  # some hosts do not report it
            delay = self._stream.latency
        self._position = position + len(part)
        if len(part):  # silence after the end or in a pause is no song
            self._last_block = (position, len(part), time.perf_counter(), delay)
