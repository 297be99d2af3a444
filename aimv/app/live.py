"""A live show: the sound of an input moves the picture at once; its sentences and clips follow within seconds."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

from msgspec.structs import replace

from aimv.app.export import clip_cache, plan_clip
from aimv.app.listen import Row, make_row, make_shot
from aimv.app.show import Show, SoundState
from aimv.language.lyrics import caption_words
from aimv.language.score import ScoreRecorder, Shot
from aimv.language.shots import LiveCutter
from aimv.options import Settings
from engine.analysis.instruments import Classifier
from engine.analysis.live import LiveAnalyzer, TimedAnalysis
from engine.analysis.transcription.types import Transcriber, Word, text_of
from engine.audio.beats import Tempo
from engine.audio.capture import Block, Device, LiveInput
from engine.audio.features import LiveFeatureExtractor
from engine.control.commands import CommandRefused, ControlState
from engine.errors import AimvError, UsageError
from engine.generators.registry import AUTO, Selection, check_name, find_spec, select_generator
from engine.outputs.base import QueuedOutput
from engine.outputs.fanout import FanOut
from engine.pipeline import PlannedClip, ShowResult, initial_state, run_show
from engine.playback.compositor import Compositor
from engine.render.cache import ClipCache
from engine.render.pool import PoolConfig, WorkerEvent, WorkerPool
from engine.render.protocol import Job
from engine.schedule.selector import Kind
from engine.threads import request_low_latency, to_thread
from engine.types import Output, Progress

_WAIT_S = 2.0  # that a word may wait for those before it: beyond this it is shown at once
_LEAST_S = 0.2  # between the last word of one commit and the first of the next
_MAX_PLANNED = 8  # that may wait to be planned
_LAGS = 256
_WORDS = 12
_BARS = 5
_NICE = 10  # rendering gives way to the picture on screen


class LiveCaptions:
    """Shows words as they are committed, some two seconds after they were sung, at the pace at which they were sung."""

    def __init__(self, show_caption: Callable[[str, float, float], None], position: Callable[[], float]) -> None:
        """`show_caption` is `Compositor.show_caption`; `position` gives the time of the show in s."""
        self._show_caption, self._position = show_caption, position
        self._free = 0.0  # when the words before have been shown

    def add(self, words: Sequence[Word]) -> None:
        """Show the next words, given with when they were sung."""
        if not words:
            return
        now = self._position()
        begins = min(max(now, self._free), now + _WAIT_S)
        shift = begins - words[0].start
        times = [word.start + shift for word in words]
        end = max(words[-1].end + shift, times[-1] + _LEAST_S)
        for text, at, until in caption_words(text_of(words), times, begins, end):
            self._show_caption(text, at, until)
        self._free = end


class LiveClock:
    """A clock for the player whose time is what the input has captured."""

    def __init__(self, position: Callable[[], float]) -> None:
        self._position = position

    def finished(self) -> bool:
        return False

    def time(self) -> float:
        return self._position()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))

    async def __aenter__(self) -> "LiveClock":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


class LiveShow(Show):
    """A live show; `run_show` runs it."""

    def __init__(
        self,
        settings: Settings,
        device: Device,
        classifier: Classifier,
        transcriber: Transcriber | None,
        selection: Selection,
        pool_config: PoolConfig = PoolConfig(),
        on_worker: Callable[[WorkerEvent], None] = lambda event: None,
    ) -> None:
        self.settings, self.selection, self.pool_config = settings, selection, pool_config
        tempo = Tempo()
        self._cutter = LiveCutter(tempo)
        self.features = LiveFeatureExtractor(device.rate, tempo)
        compositor = Compositor(settings.width, settings.height, settings.fps, self.features)
        self.input = LiveInput(device, self._on_block)
        control = ControlState(
            tempo,
            self.input.time,
            style=settings.style,
            seed=settings.seed,
            generator=selection.generator,
            reaction=settings.reaction,
            on_next=self._cutter.request_cut,
            on_generator=self._change_generator,
        )
        super().__init__(compositor, control, tempo, self.input.time)
        captions = LiveCaptions(compositor.show_caption, self.input.time) if settings.lettering else None
        self.analyzer = LiveAnalyzer(
            device.rate, classifier, transcriber, self._on_analysis, captions.add if captions else lambda words: None
        )
        self.row: Row | None = None  # the latest window
        self.words: deque[str] = deque(maxlen=_WORDS)  # the latest
        self.shot: Shot | None = None  # the newest
        self.passed_over = 0  # shots that newer ones overtook before they were planned
        self.lags: deque[float] = deque(maxlen=_LAGS)  # s from a window's end to its row
        self.score: ScoreRecorder | None = None
        self._confusion = classifier.confusion
        self._planned: asyncio.Queue[PlannedClip] = asyncio.Queue(_MAX_PLANNED)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draw_now = asyncio.Event()
        self._next_selection: Selection | None = None
        self._changes: set[asyncio.Task[None]] = set()
        self._repeats = 0  # shots in a row with the same words
        self._before: tuple[str, ...] = ()
        self._on_worker = on_worker

    async def perform(
        self, window: Output | None, queued: Sequence[QueuedOutput], stop: Callable[[], bool]
    ) -> ShowResult:
        """Run until `stop` or a quit command; every output is finished when this returns.

        Raises:
            DeviceError: the input is not there when the show begins.
            AimvError: nothing can be rendered.
        """
        self._loop = asyncio.get_running_loop()
        request_low_latency()
        with (
            contextlib.closing(self.compositor),
            clip_cache() as cache,
            FanOut(window, queued, lambda: self.compositor.drawing_since) as self.outputs,
            self.analyzer,
            self.input,
        ):
            return await self._perform(cache, lambda: self.control.quit or stop())

    async def _perform(self, cache: ClipCache, ended: Callable[[], bool]) -> ShowResult:
        clock = LiveClock(self.input.time)
        seconds: dict[Kind, float] = {}
        failures: list[str] = []
        while True:
            pool = WorkerPool(
                cache,
                self.selection.generator,
                self.selection.model.id,
                self.pool_config.local,
                self.pool_config.remotes,
                nice=_NICE,
                on_progress=self._on_progress,
                on_worker=self._on_worker_event,
            )
            async with pool:
                shown = await run_show(
                    self._new_plans(),
                    pool,
                    self.compositor,
                    clock,
                    self.outputs,
                    lambda: ended() or self._next_selection is not None,
                    initial_state(self.selection.spec, self.settings.preset),
                    Progress(),
                    live=True,
                    workers=self.pool_config.size,
                    stats=self.stats,
                    on_job=self.add_job,
                    draw_now=self._draw_now,
                )
            failures += shown.failures
            for kind, value in shown.seconds.items():
                seconds[kind] = seconds.get(kind, 0.0) + value
            if ended() or self._next_selection is None:
                return ShowResult(shown.frames, seconds, tuple(failures))
            self.selection, self._next_selection = self._next_selection, None
            self.control.generator = self.selection.generator

    def sound(self) -> SoundState:
        """The input now."""
        now = self.input.time()
        phase, beat = self.tempo.at(now)
        row, bpm, device, meter = self.row, self.tempo.bpm, self.input.device, self.input.meter
        likely = sorted(row.analysis.probabilities.items(), key=lambda item: -item[1])[:_BARS] if row else []
        latency, late = (1000 * (self.outputs.latency(share) or 0.0) for share in (0.5, 0.95))
        warning = ""
        if self.input.state == "lost":
            warning = f"the input is gone: {self.input.error or 'waiting for it'}"
        elif meter.silent:
            warning = "the input is silent: check the cable and the level"
        return SoundState(
            title=f"{device.name} · {device.rate / 1000:g} kHz",
            instruments=row.instruments.names[: row.instruments.confident] if row else (),
            words=" ".join(self.words),
            colour=row.content.colour if row else "",
            hex=row.hex if row else "",
            bars=tuple(likely),
            phase=phase,
            beat=beat,
            tempo=f"{bpm:.0f} bpm, {self.tempo.source}" if bpm else "no beat",
            bpm=bpm,
            beat_from=self.tempo.source,
            level_db=meter.peak_db,
            silent=meter.silent,
            state=self.input.state,
            xruns=self.input.xruns,
            latency_p95_ms=late or None,
            passed_over=self.passed_over,
            warning=warning,
            rows=(
                ("prompt", f"{now - self.on_screen[0]:.1f} s old" if self.on_screen else "none yet"),
                ("latency", f"{latency:.0f} ms, p95 {late:.0f} ms" if late else "no onset yet"),
                ("input", f"{self.input.xruns} xruns, {self.input.losses} losses"),
            ),
        )

    def _on_block(self, block: Block) -> None:
        """In the input's thread."""
        found = self.features.push(block.samples.mean(axis=1))
        if found:
            self.outputs.note_onset(block.arrival)
        self.outputs.write_audio(block.samples, block.start)
        if found:
            self._call_in_loop(self._draw_now.set)
        self.analyzer.feed(block.samples, block.end_arrival)

    def _on_analysis(self, timed: TimedAnalysis) -> None:
        """In the analyzer's thread: a row for each window, and a shot where one begins."""
        self.row = make_row(timed.analysis, self._confusion, self.control.seed)
        self.lags.append(time.perf_counter() - timed.arrival)
        self.words.extend(word.text for word in timed.analysis.words)
        self._cutter.hold = self.control.hold
        if span := self._cutter.push(timed.analysis):
            self._call_in_loop(self._begin_shot, make_row(span, self._confusion, self.control.seed))

    def _call_in_loop(self, callback: Callable[..., object], *args: object) -> None:
        if self._loop:
            with contextlib.suppress(RuntimeError):  # the show has ended
                self._loop.call_soon_threadsafe(callback, *args)

    def _begin_shot(self, row: Row) -> None:
        """A shot begins, with the style and seed as they are now."""
        self._repeats = self._repeats + 1 if row.content.abstractions == self._before else 0
        self._before = row.content.abstractions
        shot = make_shot(row, (self.control.seed + self._repeats) % 2**31)
        if self.control.style:
            shot = replace(shot, sentence=f"{shot.sentence} {self.control.style}")
        self.shot = shot
        if self.score:
            self.score.add(shot)
        if self._planned.full():
            self._planned.get_nowait()  # the newest wins
            self.passed_over += 1
        self._planned.put_nowait(self._plan(shot))

    def _plan(self, shot: Shot) -> PlannedClip:
        return replace(plan_clip(shot, "", self.selection, self.settings), section="|".join(shot.abstractions))

    async def _new_plans(self) -> AsyncIterator[PlannedClip]:
        """The planned clips of new shots; after a change of generator the present shot anew."""
        while not self._planned.empty():
            self._planned.get_nowait()
        if self.shot:
            yield self._plan(self.shot)
        while True:
            yield await self._planned.get()

    def _change_generator(self, name: str) -> None:
        try:
            takes_scenes = check_name(name) == AUTO or find_spec(name).takes_scenes
        except UsageError as error:
            raise CommandRefused(self.control.refuse(str(error))) from None
        change = asyncio.get_running_loop().create_task(
            self._select(name, self.settings.scenes if takes_scenes else ""), name="change generator"
        )
        self._changes.add(change)
        change.add_done_callback(self._changes.discard)

    async def _select(self, name: str, scenes: str) -> None:
        """In the background, since looking for a CUDA device takes seconds."""
        remote = bool(self.pool_config.remotes)
        try:
            selection = await to_thread(select_generator, name, self.settings.model, scenes, remote=remote)
        except AimvError as error:
            self.control.refuse(str(error))
        else:
            if selection.generator != self.selection.generator:
                self._next_selection = selection

    def _on_progress(self, job: Job, share: float) -> None:
        self.progress = share

    def _on_worker_event(self, event: WorkerEvent) -> None:
        self.worker = event
        self._on_worker(event)
