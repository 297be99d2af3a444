"""A song that is played in a window: its clock, readout, outputs and control."""

import bisect
import statistics
from collections import deque

from aimv.app.show import Show, ShowConfig, SoundState
from aimv.app.telemetry import make_readout, make_telemetry
from aimv.language.score import Shot
from engine.audio.beats import Tempo
from engine.audio.song import Song
from engine.control.commands import ControlState
from engine.outputs.base import BaseOutput
from engine.outputs.fanout import FanOut
from engine.playback.compositor import Compositor
from engine.playback.effects import FeatureSource
from engine.playback.player import AudioClock
from engine.types import Frame

_OFFSETS = 60  # pictures
_NOT_LIVE = "a song's shots and beats are known from the start"


class PlayedSong(Show, BaseOutput):
    """A song that is played, and the output that its pictures are written to. Use as a context manager.

    Raises UsageError, MissingExtra, DeviceError or OutputError for an output or a transport that is not possible.
    """

    name = "show"

    def __init__(
        self, title: str, song: Song, compositor: Compositor, features: FeatureSource, config: ShowConfig
    ) -> None:
        self.clock = AudioClock(song.stereo(), song.rate)
        tempo, reaction = Tempo(), compositor.overrides.reaction
        control = ControlState(tempo, self.clock.time, reaction=reaction, not_live=_NOT_LIVE)
        super().__init__(compositor, control, tempo, self.clock.time)
        self.shots: list[Shot] = []  # known so far; appended from any thread
        self._offsets: deque[float] = deque(maxlen=_OFFSETS)  # s by which pictures were later than their sound
        self._song, self._features, self._title = song, features, title
        self._written = 0  # samples written to the outputs
        self.open_service(config.control, lambda: make_telemetry(self))
        self.window = self.open_window(title, config, lambda: make_readout(self))
        opened = self.open_outputs(config.outputs, song.rate)
        self.outputs = FanOut(self.window, opened, lambda: compositor.drawing_since)

    def write(self, frame: Frame, time: float) -> None:
        """Show the picture, and write it and the sound up to its end to the outputs."""
        self.clock.paused = self.control.hold
        self.outputs.write(frame, time)
        if not self.clock.paused:
            self._offsets.append(self.clock.time() - time)
        until = min(round((time + 1.0 / self.fps) * self._song.rate), len(self._song.samples))
        if until > self._written:
            self.outputs.write_audio(self._song.samples[self._written : until], self._written)
            self._written = until

    def close(self) -> None:
        """Finish the outputs and close the window."""
        self.outputs.close()
        self.window.close()

    def stopped(self) -> bool:
        """Whether the window or a command has ended the show."""
        return self.window.quit or self.control.quit

    def sound(self) -> SoundState:
        """The song now."""
        time = self.clock.time()
        index = bisect.bisect_right(self.shots, time, key=lambda shot: shot.start) - 1
        shot = self.shots[index] if index >= 0 else None  # none is known yet
        now = self._features.at(time)
        lead = max(0.0, self.compositor.ready_until - time)
        offset = 1000 * statistics.median(self._offsets) if self._offsets else 0.0
        return SoundState(
            title=self._title,
            instruments=shot.instruments if shot else (),
            words=(shot.words or "") if shot else "",
            colour=shot.colour if shot else "",
            hex=shot.hex if shot else "",
            bars=(("low", now.low), ("mid", now.mid), ("high", now.high), ("onset", now.onset)),
            phase=now.beat_phase,
            beat=now.beat,
            tempo=f"{time:.0f} of {self._song.duration:.0f} s",
            xruns=self.clock.underruns,
            lead_s=lead,
            rows=(
                ("hears", ", ".join(shot.instruments) if shot else "nothing yet"),
                ("lead", f"{lead:.1f} s" if lead else "none"),
                ("latency", f"{abs(offset):.0f} ms {'ahead of' if offset < 0 else 'behind'} the sound"),
                ("sound", f"{self.clock.underruns} underruns"),
            ),
        )
