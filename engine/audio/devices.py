"""Sound cards by PortAudio: listing inputs, and capturing from one."""

import difflib
import time
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.audio.capture import AudioCallback
from engine.errors import DeviceError, UsageError, import_extra
from engine.files import suppress_stderr

LATENCY_S = 0.02  # requested; blocks then arrive about every 10 ms


class InputDevice(msgspec.Struct, frozen=True):
    """A sound input of this machine."""

    index: int
    name: str
    host: str  # the sound system that it is reached by
    channels: int
    rate: int  # Hz, the device's own
    default: bool


def sound_library(what: str = "a live input") -> Any:
    """The sounddevice module, on PortAudio.

    Raises:
        MissingExtra: sounddevice is not installed.
        DeviceError: PortAudio is not installed.
    """
    try:
        with suppress_stderr():
            return import_extra("sounddevice", what, "live")
    except OSError:
        raise DeviceError("PortAudio is not installed: install Debian's libportaudio2") from None


def inputs() -> list[InputDevice]:
    """The sound inputs there are now. Raises as `sound_library`."""
    sounddevice = sound_library()
    try:
        default = sounddevice.query_devices(kind="input")["index"]
    except (sounddevice.PortAudioError, ValueError):
        default = -1
    hosts = [host["name"] for host in sounddevice.query_hostapis()]
    return [
        InputDevice(
            device["index"],
            device["name"],
            hosts[device["hostapi"]],
            int(device["max_input_channels"]),
            round(device["default_samplerate"]),
            device["index"] == default,
        )
        for device in sounddevice.query_devices()
        if device["max_input_channels"] > 0
    ]


def find_input(wanted: str | None) -> InputDevice:
    """The input called `wanted` (a name, a part of one, or an index); None: the default.

    Raises:
        UsageError: there is none of that name, or several.
        DeviceError: there is no input at all.
    """
    available = inputs()
    if not available:
        raise DeviceError("there is no sound input on this machine: connect one", option="input")
    if wanted is None:
        return next((each for each in available if each.default), available[0])
    if wanted.isdecimal():
        found = [each for each in available if each.index == int(wanted)]
    else:
        found = [each for each in available if each.name == wanted]
        found = found or [each for each in available if wanted.lower() in each.name.lower()]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{each.index} {each.name!r}" for each in found)
        raise UsageError(f"several inputs are called {wanted!r}: choose one by its number: {names}", option="input")
    near = difflib.get_close_matches(wanted, [each.name for each in available], n=1)
    names = ", ".join(repr(each.name) for each in available)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {names}"
    raise UsageError(f"there is no input {wanted!r}: {hint}", option="input")


class SoundCard:
    """Captures from an input; found by its name each time that it is opened, since devices come and go."""

    def __init__(self, chosen: InputDevice) -> None:
        self.name = chosen.name
        self.rate = chosen.rate
        self.channels = min(chosen.channels, 2)
        self._found: InputDevice | None = chosen
        self._stream: Any = None

    def open(self, callback: AudioCallback) -> None:
        """Start capturing; each block is passed with the time at which its last sample was captured.

        Raises:
            DeviceError: it is not there, or does not open.
        """
        sounddevice = sound_library()
        if self._found is None:  # PortAudio's list is made when it starts: restart it
            with suppress_stderr():
                sounddevice._terminate()
                sounddevice._initialize()
            self._found = next((each for each in inputs() if each.name == self.name), None)
            if self._found is None:
                raise DeviceError(f"the input {self.name!r} is gone")
        rate = self.rate

        def captured(samples: NDArray[np.float32], frames: int, times: Any, status: Any) -> None:
            now = time.perf_counter()
            age = times.currentTime - times.inputBufferAdcTime  # of the block's first sample
            if not 0.0 < age < 2.0:  # some hosts do not report it
                age = frames / rate
            callback(samples, now - age + frames / rate, bool(status.input_overflow))

        index, self._found = self._found.index, None
        try:
            with suppress_stderr():
                self._stream = sounddevice.InputStream(
                    device=index,
                    samplerate=rate,
                    channels=self.channels,
                    dtype="float32",
                    blocksize=0,  # the device's own: PortAudio's fixed blocks stall on some hosts
                    latency=LATENCY_S,
                    callback=captured,
                )
                self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            self.close()
            raise DeviceError(f"the input {self.name!r} cannot be opened ({error}): is it in use?") from None

    def close(self) -> None:
        """Stop capturing, also from a device that is gone already."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)
