"""What a played song and a live show have in common: compositor, control, outputs, statistics, sentences of clips."""

import abc
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from engine.audio.beats import Tempo
from engine.control.commands import ControlContext, ControlState
from engine.control.keyboard import Keyboard
from engine.control.service import ControlService
from engine.outputs.base import MediaFormat, QueuedOutput
from engine.outputs.fanout import FanOut, open_outputs
from engine.outputs.window import Readout, Window
from engine.pipeline import PlannedClip
from engine.playback.compositor import Compositor
from engine.playback.player import FrameStats
from engine.render.protocol import Job
from engine.render.queue import WorkerEvent

_SENTENCES = 64  # of clips that are kept


class ShowConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a show is presented and controlled. Both mappings are by option, others than those named are ignored."""

    outputs: Mapping[str, Any] = {}  # options of `engine.outputs.fanout.OUTPUTS`
    control: Mapping[str, Any] = {}  # options of `engine.control.service.TRANSPORTS`
    fullscreen: bool = False
    hud: bool = False  # whether the readout is shown from the start


class SoundState(msgspec.Struct, frozen=True, kw_only=True):
    """The sound of a show now, and its source, as readout and telemetry state them; None for what there is not."""

    title: str  # of the source
    instruments: tuple[str, ...] = ()  # those that are certain
    words: str = ""
    colour: str = ""  # its name
    hex: str = ""
    bars: tuple[tuple[str, float], ...] = ()  # name, 0 to 1
    phase: float = 0.0  # of the beat, 0 to 1
    beat: float = 0.0  # 1 on the beat, decaying
    tempo: str = ""  # in words
    bpm: float | None = None
    beat_from: str | None = None
    level_db: float | None = None  # dBFS
    silent: bool = False
    state: str = "open"  # or "lost"
    xruns: int = 0  # times that sound was lost
    lead_s: float | None = None  # how far ahead of the sound clips are ready
    latency_p95_ms: float | None = None  # from an onset's arrival to its picture
    passed_over: int = 0  # shots that newer ones overtook before they were planned
    warning: str = ""
    rows: tuple[tuple[str, str], ...] = ()  # name, value: of this kind of show only


class Show(abc.ABC):
    """The parts of a show while it runs. Readout and telemetry read its attributes; `worker` is kept by the owner."""

    def __init__(
        self, compositor: Compositor, control: ControlState, tempo: Tempo, position: Callable[[], float]
    ) -> None:
        """`position` gives the time of the show in s; `compositor` is steered by `control` from now on."""
        self.fps = compositor.fps
        self.compositor, self.control, self.tempo, self.position = compositor, control, tempo, position
        compositor.overrides = control
        self.stats = FrameStats()
        self.worker: WorkerEvent | None = None  # its latest state
        self.progress = 0.0  # of the clip in work, 0 to 1
        self.outputs = FanOut(None, (), lambda: compositor.drawing_since)
        self.service = ControlService({}, ControlContext(control, tempo, position, dict))
        self._sentences: dict[str, tuple[float, str]] = {}  # by clip: its start in s, and the sentence

    @abc.abstractmethod
    def sound(self) -> SoundState:
        """The sound now."""

    @property
    def on_screen(self) -> tuple[float, str] | None:
        """Start in s and sentence of the shot whose clip is on screen."""
        return self._sentences.get(clip.stem) if (clip := self.compositor.latest_clip) else None

    def add_job(self, planned: PlannedClip, job: Job) -> None:
        """The clip of `job` will show the sentence of `planned`."""
        kept = list(self._sentences.items())[-_SENTENCES:]
        self._sentences = {**dict(kept), job.id: (planned.start, planned.job.prompt)}

    def open_service(self, options: Mapping[str, Any], telemetry: Callable[[], dict[str, Any]]) -> ControlService:
        """The transports that steer this show and publish its telemetry. Raises as `ControlService`."""
        context = ControlContext(self.control, self.tempo, self.position, telemetry)
        self.service = ControlService(options, context)
        return self.service

    def open_window(self, title: str, config: ShowConfig, readout: Callable[[], Readout]) -> Window:
        """The window, whose keys steer the show. Raises OutputError."""
        window = Window(title, self.compositor.width, self.compositor.height, Keyboard(self.control), readout)
        window.readout_shown = config.hud
        if config.fullscreen:
            window.set_fullscreen()
        return window

    def open_outputs(self, options: Mapping[str, Any], rate: int) -> tuple[QueuedOutput, ...]:
        """The outputs beside the window; sound is written to them at `rate` Hz. Raises as `fanout.open_outputs`."""
        return open_outputs(options, MediaFormat(self.compositor.width, self.compositor.height, self.fps, rate))
