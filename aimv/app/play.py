"""A song on stage: played in a window like a live show, with its readout, outputs, and commands from outside."""

import bisect
import statistics
from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from aimv.language.score import Shot
from engine.audio.song import Song
from engine.audio.tempo import Tempo
from engine.colour import hex_of_name, rgb_of_hex
from engine.control.keyboard import Keyboard
from engine.control.service import ControlService
from engine.control.state import ControlContext, ControlState
from engine.outputs.base import BaseOutput, MediaFormat
from engine.outputs.fanout import FanOut, open_outputs
from engine.outputs.hud import Readout
from engine.outputs.window import Window
from engine.pipeline import Cue
from engine.playback.clock import AudioClock
from engine.playback.compositor import Compositor
from engine.playback.effects import FeatureSource
from engine.playback.player import Tally
from engine.render.job import Job
from engine.render.pool import WorkerEvent
from engine.types import Frame

_REMEMBERED = 60  # pictures
_NOT_LIVE = "a song's shots and beats are known from the start"


class Dressing(msgspec.Struct, frozen=True, kw_only=True):
    """What a played song has around it."""

    outputs: Mapping[str, Any] = {}  # by the names of `engine.outputs.fanout.OUTPUTS`
    control: Mapping[str, Any] = {}  # by the names of `engine.control.service.TRANSPORTS`
    fullscreen: bool = False
    hud: bool = False


class PlayedSong(BaseOutput):
    """A song that is played: its clock, window and outputs, steered by its control state. Use as a context manager.

    Raises UsageError, MissingExtra, DeviceError or OutputError for an output or a transport that is not possible.
    """

    def __init__(
        self, title: str, song: Song, compositor: Compositor, features: FeatureSource, dressing: Dressing
    ) -> None:
        self.fps = compositor.fps
        self.clock = AudioClock(song.stereo(), song.rate)
        self.compositor = compositor
        tempo, reaction = Tempo(), compositor.overrides.reaction
        self.control = ControlState(tempo, self.clock.time, reaction=reaction, not_live=_NOT_LIVE)
        compositor.overrides = self.control
        self.tally = Tally()
        self.worker: WorkerEvent | None = None
        self._sentences: dict[str, str] = {}
        self._shots: list[Shot] = []
        self._offsets: deque[float] = deque(maxlen=_REMEMBERED)  # s by which pictures came after their sound
        self._song, self._features, self._title = song, features, title
        self._fed = 0  # samples given to the outputs
        size = (compositor.width, compositor.height)
        context = ControlContext(self.control, tempo, self.clock.time, self.telemetry)
        self.service = ControlService(dressing.control, context)
        self.window = Window(title, *size, Keyboard(self.control), self.readout)
        self.window.readout_shown = dressing.hud
        if dressing.fullscreen:
            self.window.set_fullscreen()
        opened = open_outputs(dressing.outputs, MediaFormat(*size, self.fps, song.rate))
        self.outputs = FanOut(self.window, opened, lambda: compositor.drawing_since)

    def write(self, frame: Frame, time: float) -> None:
        """Show the picture, and give the outputs the sound up to its end."""
        self.clock.paused = self.control.hold
        self.outputs.write(frame, time)
        if not self.clock.paused:
            self._offsets.append(self.clock.time() - time)
        until = min(round((time + 1.0 / self.fps) * self._song.rate), len(self._song.samples))
        if until > self._fed and self.outputs.outputs:
            part: NDArray[np.float32] = self._song.samples[self._fed : until]
            self.outputs.write_audio(part, self._fed)
            self._fed = until

    def close(self) -> None:
        """Finish the outputs and close the window."""
        self.outputs.close()
        self.window.close()

    def stopped(self) -> bool:
        """Whether somebody wants it to end."""
        return self.window.quit or self.control.quit

    def know(self, shot: Shot) -> None:
        """The next shot of the song; from any thread."""
        self._shots.append(shot)

    def remember(self, cue: Cue, job: Job) -> None:
        """Which sentence a clip shows."""
        self._sentences[job.id] = cue.job.prompt

    def readout(self) -> Readout:
        """The show as its player sees it now."""
        time = self.clock.time()
        now = self._features.at(time)
        lead = self.compositor.ready_until - time
        shot = self._shot(time)
        offset = 1000 * statistics.median(self._offsets) if self._offsets else 0.0
        return Readout(
            title=self._title + (" · paused" if self.control.hold else ""),
            warning=self.control.notice
            or self.service.error
            or next((each.reason for each in self.outputs.outputs if each.reason), ""),
            sentence=self._sentence(),
            words=(shot.words or "") if shot else "",
            colour=shot.colour if shot else "",
            rgb=rgb_of_hex(hex_of_name(shot.hex)) if shot else (0, 0, 0),
            bars=(("low", now.low), ("mid", now.mid), ("high", now.high), ("onset", now.onset)),
            phase=now.beat_phase,
            beat=now.beat,
            tempo=f"{time:.0f} of {self._song.duration:.0f} s",
            rows=(
                ("hears", ", ".join(shot.instruments) if shot else "nothing yet"),
                ("lead", f"{lead:.1f} s" if lead > 0 else "none"),
                ("pictures", f"{self.outputs.fps:.1f} a second"),
                ("late", f"{self.tally.late}, {self.tally.skipped} skipped, {self.outputs.dropped} dropped"),
                ("latency", f"{abs(offset):.0f} ms {'ahead of' if offset < 0 else 'behind'} the sound"),
                ("sound", f"{self.clock.underruns} underruns"),
                ("worker", self.worker.state if self.worker else "starting"),
                ("control", f"react {self.control.reaction:g}, flashes {self.control.flashes}"),
            ),
        )

    def telemetry(self) -> dict[str, Any]:
        """The show as plain values, times in s."""
        time = self.clock.time()
        shot = self._shot(time)
        return {
            "time": round(time, 2),
            "sentence": self._sentence(),
            "instruments": list(shot.instruments) if shot else [],
            "words": (shot.words or "") if shot else "",
            "colour": shot.colour if shot else "",
            "lead_s": round(max(0.0, self.compositor.ready_until - time), 2),
            "fps": round(self.outputs.fps, 1),
            "late": self.tally.late,
            "skipped": self.tally.skipped,
            "dropped": self.outputs.dropped,
            "react": self.control.reaction,
            "flashes": self.control.flashes,
            "hold": self.control.hold,
            "blackout": self.control.blackout,
            "warning": self.control.notice,
        }

    def _shot(self, time: float) -> Shot | None:
        """What is heard at `time`, as far as it is known."""
        index = bisect.bisect_right(self._shots, time, key=lambda shot: shot.start) - 1
        return self._shots[index] if index >= 0 else None

    def _sentence(self) -> str:
        return self._sentences.get(clip.stem, "") if (clip := self.compositor.latest_clip) else ""
