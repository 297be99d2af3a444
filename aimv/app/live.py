"""A live show: the sound of an input becomes pictures at once, and sentences and clips as soon as they can.

Sung words in type while a show goes on: set as soon as they are known, at the pace at which they were sung.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from aimv.app.export import HERE, clip_cache, make_cue
from aimv.app.listen import Row, make_row, make_shot
from aimv.language.lyrics import caption_words
from aimv.language.score import ScoreRecorder, Shot
from aimv.language.shots import LiveCutter
from aimv.options import Settings
from engine.analysis.instruments import Classifier
from engine.analysis.live import LiveAnalyzer, TimedAnalysis
from engine.analysis.transcription.types import Transcriber, Word, text_of
from engine.audio.capture import Block, Device, LiveInput
from engine.audio.features import LiveFeatureExtractor
from engine.audio.tempo import Tempo
from engine.control.state import ControlState
from engine.errors import AimvError, UsageError
from engine.generators.registry import AUTO, Selection, find_spec, select_generator
from engine.outputs.base import QueuedOutput
from engine.outputs.fanout import FanOut
from engine.pipeline import Cue, Performance, board, perform
from engine.playback.compositor import Compositor
from engine.playback.player import Tally
from engine.render.cache import ClipCache
from engine.render.job import Job
from engine.render.pool import PoolConfig, WorkerEvent, WorkerPool
from engine.schedule.selector import Kind
from engine.threads import request_low_latency, to_thread
from engine.types import Output, Progress

_WAIT_S = 2.0  # that a word may wait for those before it: beyond this it is shown at once
_LEAST_S = 0.2  # between the last word of a look and the first of the next


class LiveLettering:
    """Takes words as they are committed, some two seconds after they were sung, and gives them to `say`."""

    def __init__(self, say: Callable[[str, float, float], None], now: Callable[[], float]) -> None:
        """`say` is `Compositor.show_caption`; `now` gives the time of the show in s."""
        self._say, self._now = say, now
        self._free = 0.0  # when the words before have been shown

    def hear(self, words: Sequence[Word]) -> None:
        """The next words, with when they were sung."""
        if not words:
            return
        now = self._now()
        begins = min(max(now, self._free), now + _WAIT_S)
        shift = begins - words[0].start
        times = [word.start + shift for word in words]
        end = max(words[-1].end + shift, times[-1] + _LEAST_S)
        for text, at, until in caption_words(text_of(words), times, begins, end):
            self._say(text, at, until)
        self._free = end


_CUES = 8  # that may wait to be planned
_SENTENCES = 64  # of clips, remembered
_REMEMBERED = 256
_WORDS = 12
_NICE = 10  # by which rendering steps back behind the picture that is on screen


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


class LiveShow:
    """Everything of a live show that lasts as long as it does; `perform` runs it.

    The attributes are for whoever reads how it goes: the readout, telemetry, the summary at the end.
    """

    def __init__(
        self,
        settings: Settings,
        device: Device,
        classifier: Classifier,
        transcriber: Transcriber | None,
        selection: Selection,
        pool_config: PoolConfig = HERE,
        on_worker: Callable[[WorkerEvent], None] = lambda event: None,
    ) -> None:
        self.settings, self.selection, self.pool_config = settings, selection, pool_config
        self.fps = settings.fps
        self.tempo = Tempo()
        self._shots = LiveCutter(self.tempo)
        self.reactions = LiveFeatureExtractor(device.rate, self.tempo)
        self.compositor = Compositor(settings.width, settings.height, settings.fps, self.reactions)
        self.input = LiveInput(device, self._on_block)
        self.control = ControlState(
            self.tempo,
            self.input.time,
            style=settings.style,
            seed=settings.seed,
            generator=selection.generator,
            reaction=settings.reaction,
            on_next=self._shots.request_cut,
            on_generator=self._change_generator,
        )
        self.compositor.overrides = self.control
        lettering = LiveLettering(self.compositor.show_caption, self.input.time) if settings.lettering else None
        self.analyzer = LiveAnalyzer(
            device.rate, classifier, transcriber, self._on_analysis, lettering.hear if lettering else lambda words: None
        )
        self.tally = Tally()
        self.row: Row | None = None  # what was heard last
        self.words: deque[str] = deque(maxlen=_WORDS)  # the latest
        self.shot: Shot | None = None  # the newest
        self.worker: WorkerEvent | None = None
        self.share = 0.0  # of the clip in work
        self.passed_over = 0  # shots that newer ones overtook before they were planned
        self.lags: deque[float] = deque(maxlen=_REMEMBERED)  # s from a window's end to its sentence
        self.outputs: FanOut | None = None
        self.score: ScoreRecorder | None = None
        self._confusion = classifier.confusion
        self._cues: asyncio.Queue[Cue] = asyncio.Queue(_CUES)
        self._sentences: dict[str, tuple[float, str]] = {}  # of clips, by their ids: since when, and what they say
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hurry = asyncio.Event()
        self._wanted: Selection | None = None
        self._changes: set[asyncio.Task[None]] = set()
        self._run = 0  # shots in a row with the same words
        self._before: tuple[str, ...] = ()
        self._on_worker = on_worker

    @property
    def on_screen(self) -> tuple[float, str] | None:
        """The second at which what the clip on screen says was heard, and its sentence."""
        return self._sentences.get(clip.stem) if (clip := self.compositor.latest_clip) else None

    async def perform(
        self, window: Output | None, queued: Sequence[QueuedOutput], stop: Callable[[], bool]
    ) -> Performance:
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
            FanOut(window, queued, lambda: self.compositor.drawing_since) as outputs,
        ):
            self.outputs = outputs
            with self.analyzer, self.input:
                return await self._perform(cache, outputs, lambda: self.control.quit or stop())

    async def _perform(self, cache: ClipCache, outputs: FanOut, ended: Callable[[], bool]) -> Performance:
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
                on_progress=lambda job, share: self._progress(share),
                on_worker=self._worked,
            )
            async with pool:
                shown = await perform(
                    self._coming(),
                    pool,
                    self.compositor,
                    clock,
                    outputs,
                    lambda: ended() or self._wanted is not None,
                    board(self.selection.spec, self.settings.preset),
                    Progress(),
                    live=True,
                    workers=self.pool_config.size,
                    tally=self.tally,
                    on_job=self._remember,
                    hurry=self._hurry,
                )
            failures += shown.failures
            for kind, value in shown.seconds.items():
                seconds[kind] = seconds.get(kind, 0.0) + value
            if ended() or self._wanted is None:
                return Performance(shown.played, seconds, tuple(failures))
            self.selection, self._wanted = self._wanted, None
            self.control.generator = self.selection.generator

    def _on_block(self, block: Block) -> None:
        """In the input's thread."""
        found = self.reactions.push(block.samples.mean(axis=1))
        if self.outputs:
            if found:
                self.outputs.note_onset(block.arrival)
            self.outputs.write_audio(block.samples, block.start)
        if found and self._loop:
            with contextlib.suppress(RuntimeError):  # the show has ended
                self._loop.call_soon_threadsafe(self._hurry.set)
        self.analyzer.feed(block.samples, block.end_arrival)

    def _on_analysis(self, timed: TimedAnalysis) -> None:
        """In the hearing's thread: a sentence for each window, and a shot where one begins."""
        row = make_row(timed.analysis, self._confusion, self.control.seed)
        self.lags.append(time.perf_counter() - timed.arrival)
        self.row = row
        self.words.extend(word.text for word in timed.analysis.words)
        self._shots.hold = self.control.hold
        heard = self._shots.push(timed.analysis)
        if heard and self._loop:
            begun = make_row(heard, self._confusion, self.control.seed)
            with contextlib.suppress(RuntimeError):  # the show has ended
                self._loop.call_soon_threadsafe(self._begin, begun)

    def _begin(self, row: Row) -> None:
        """A shot begins; it takes the style and seed as they are now."""
        self._run = self._run + 1 if row.content.abstractions == self._before else 0
        self._before = row.content.abstractions
        shot = make_shot(row, (self.control.seed + self._run) % 2**31)
        if self.control.style:
            shot = msgspec.structs.replace(shot, sentence=f"{shot.sentence} {self.control.style}")
        self.shot = shot
        if self.score:
            self.score.add(shot)
        if self._cues.full():
            self._cues.get_nowait()  # the newest wins
            self.passed_over += 1
        self._cues.put_nowait(self._cue(shot))

    def _cue(self, shot: Shot) -> Cue:
        return msgspec.structs.replace(
            make_cue(shot, "", self.selection, self.settings), section="|".join(shot.abstractions)
        )

    async def _coming(self) -> AsyncIterator[Cue]:
        """The cues as they come; after a change of generator the present shot anew."""
        while not self._cues.empty():
            self._cues.get_nowait()
        if self.shot:
            yield self._cue(self.shot)
        while True:
            yield await self._cues.get()

    def _change_generator(self, name: str) -> None:
        try:
            takes_scenes = name == AUTO or find_spec(name).takes_scenes
        except UsageError as error:
            raise self.control.refuse(str(error)) from None
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
                self._wanted = selection

    def _remember(self, cue: Cue, job: Job) -> None:
        """Which sentence a clip shows."""
        kept = list(self._sentences.items())[-_SENTENCES:]
        self._sentences = {**dict(kept), job.id: (cue.start, cue.job.prompt)}

    def _progress(self, share: float) -> None:
        self.share = share

    def _worked(self, event: WorkerEvent) -> None:
        self.worker = event
        self._on_worker(event)
