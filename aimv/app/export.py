"""From a song or a score to its music video, exported to a file or played in a window, by one pool of workers."""

import asyncio
import bisect
import contextlib
import itertools
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

from msgspec.structs import replace

from aimv.app.listen import Analyzer, ResumeCache, ShotSource, refuse_other
from aimv.app.play import PlayedSong
from aimv.app.show import ShowConfig
from aimv.language.lyrics import caption_words, sung_object
from aimv.language.score import Score, Shot
from aimv.options import Settings, ShowSettings
from engine.analysis.windows import ANALYSIS_RATE
from engine.audio.devices import sound_library
from engine.audio.song import Song
from engine.audio.structure import find_sections
from engine.colour import harmony, hex_of_name
from engine.errors import AimvError, UsageError
from engine.files import cache_folder, check_writable
from engine.generators.registry import Selection, select_generator
from engine.outputs.base import MediaFormat
from engine.outputs.encoder import EXPORT, encode_file
from engine.pipeline import (
    ExportRenderer,
    PlannedClip,
    ShowResult,
    initial_state,
    iterate_in_thread,
    run_show,
    write_video,
)
from engine.playback.compositor import Compositor
from engine.render.cache import ClipCache
from engine.render.pool import PoolConfig, WorkerEvent, WorkerPool
from engine.render.protocol import Job
from engine.threads import request_low_latency
from engine.types import Overrides, Progress

_T = TypeVar("_T")

CLIP_CACHE_BYTES = 4 * 2**30  # clips kept for reuse


def plan_clip(shot: Shot, style: str, selection: Selection, settings: Settings) -> PlannedClip:
    """The shot as the engine sees it: a job to render and where its clip is shown."""
    thing = sung_object(shot.words, shot.english)
    # As the sentence has it: the thing, the abstractions and the least likely instrument in front, the others behind.
    words = (*([thing] if thing else []), *shot.abstractions, *shot.instruments[2:])
    job = Job(
        generator=selection.generator,
        model=selection.model.id,
        prompt=f"{shot.sentence} {style}".strip(),
        keywords=words,
        background=shot.instruments[:2],
        palette=harmony(hex_of_name(shot.hex)),
        seed=shot.seed,
        width=settings.width,
        height=settings.height,
        fps=settings.fps,
        seconds=round(shot.end - shot.start, 3),
        preset=settings.preset if settings.preset in selection.spec.presets else "",
    )
    return PlannedClip(shot.start, shot.end, job, chained=selection.model.image_start)


class Renderer:
    """Makes videos with one generator. Its worker pool starts at first use and is kept for the songs that follow.

        with Renderer() as renderer:
            for song in ("one", "two"):
                renderer.export(f"{song}.wav", f"{song}.mp4", Settings(size="640x360"))

    `generator`, `model` and `scenes` are those of `Settings`; settings that ask for others are refused. `pool_config`
    says how many workers there are; `analyzer` analyzes the songs, by default one with shared models. `on_worker` is
    called for each change in a worker's life, and must return at once.

    Raises:
        UsageError: there is no such generator, or it does not take `scenes`.
        MissingExtra, ModelError: the generator that was asked for lacks its packages or its model on this machine.
    """

    def __init__(
        self,
        generator: str = "auto",
        model: str = "",
        scenes: str = "",
        *,
        pool_config: PoolConfig = PoolConfig(),
        analyzer: Analyzer | None = None,
        on_worker: Callable[[WorkerEvent], None] = lambda event: None,
    ) -> None:
        self.selection = select_generator(generator, model, scenes, remote=bool(pool_config.remotes))
        self._fixed = {"generator": self.selection.generator, "model": model, "scenes": scenes}
        self._pool_config = usable_pool(pool_config, self.selection)
        self._analyzer = analyzer
        self._on_worker = on_worker
        self._cache = clip_cache()
        self._runner = asyncio.Runner()
        self._pool: WorkerPool | None = None
        self._pool_task: asyncio.Task[None] | None = None
        self._call: asyncio.Task[Any] | None = None  # the export in progress, or the show
        self._worker: WorkerEvent | None = None  # the latest
        self._show: PlayedSong | None = None
        self._rendering: ExportRenderer | None = None

    def export(
        self,
        song: str | Path | Score,
        out: str | Path,
        settings: Settings | None = None,
        *,
        start: float = 0.0,
        duration: float | None = None,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> Path:
        """Make the video of a song or a score and write it to `out` (H.264 and AAC in MP4), whole or not at all.

        `start` and `duration` (s) take an excerpt of the same video. With `resume` an interrupted export of the same
        song to the same place keeps what was analyzed; finished clips are reused in any case.

        Raises:
            UsageError: a file is missing, a value is not possible, or differs from what the renderer or score fixes.
            AimvError: the sound cannot be used, a model is missing, a clip cannot be rendered, `out` not be written.
        """
        settings, progress, out = settings or Settings(), progress or Progress(), Path(out)
        check_writable(out)
        source = self._open(song, settings, progress)
        read = [Path(path) for path in (song, source.song.path) if isinstance(path, str | Path)]
        if out.exists() and any(path.exists() and out.samefile(path) for path in read):
            raise UsageError(f"{out} is what the video is made from: choose another name", option="out")
        length = source.song.duration
        end = length if duration is None else min(length, start + duration)
        if not 0 <= start < length:
            raise UsageError(f"there is nothing at {start:g} s in a song of {length:.2f} s", option="start")
        if end - start < 1 / settings.fps:
            raise UsageError(f"a duration of {end - start:g} s is shorter than a frame", option="duration")
        progress.set_lengths(length, end - start)
        resumable = ResumeCache(out, source)
        if resume:
            resumable.restore()
        rate = source.song.rate
        sound = source.song.stereo()[round(start * rate) : round(end * rate)]
        format = MediaFormat(settings.width, settings.height, settings.fps, rate)

        async def write_file() -> None:
            with (
                encode_file(out, format, EXPORT) as video,
                contextlib.closing(_compositor(settings, source)) as picture,
            ):
                video.write_audio(sound, round(start * rate))
                shots = itertools.takewhile(lambda shot: shot.start < end, resumable.save_when_complete())
                planned = (clip for clip in self._plan(shots, source, picture, settings) if clip.end > start)
                self._rendering = ExportRenderer(await self._start_pool(), progress)
                await write_video(iterate_in_thread(planned), self._rendering, picture, video, start, end, progress)

        self._run(write_file)
        resumable.clear()
        return out

    def play(
        self,
        song: str | Path | Score,
        settings: Settings | None = None,
        *,
        config: ShowConfig | None = None,
        progress: Progress | None = None,
    ) -> ShowResult:
        """Play a song with its video in a window: sound by PortAudio, the picture on the sound's clock.

        `config` says which outputs there are beside the window, and how the show is controlled. Playing starts once
        the first clip is there; the others are made ahead of it. It ends with the song, or when q or Esc is pressed.

        Raises:
            UsageError: a file is missing, a value is not possible, or differs from what the renderer or score fixes.
            AimvError: the sound cannot be used, a model, a device or a package is missing, nothing can be rendered.
        """
        settings, progress = settings or ShowSettings(), progress or Progress()
        sound_library("playing sound")
        source = self._open(song, settings, progress)
        progress.set_lengths(source.song.duration, source.song.duration)
        title = f"AIMV: {(song.song if isinstance(song, Score) else Path(song)).name}"

        async def show_video() -> ShowResult:
            request_low_latency()
            picture = _compositor(settings, source)
            with (
                contextlib.closing(picture),
                PlayedSong(title, source.song, picture, source.features, config or ShowConfig()) as show,
            ):
                self._show, show.worker = show, self._worker
                show.control.generator = self.selection.generator
                clips = self._plan(source.shots(), source, picture, settings, show.shots.append)
                planned = _add_sections(clips, source.song)
                async with show.service:
                    return await run_show(
                        iterate_in_thread(planned),
                        await self._start_pool(),
                        picture,
                        show.clock,
                        show,
                        show.stopped,
                        initial_state(self.selection.spec, settings.preset),
                        progress,
                        workers=self._pool_config.size,
                        stats=show.stats,
                        on_job=show.add_job,
                    )

        return self._run(show_video)

    def close(self) -> None:
        """End the worker pool; every render process on this host has ended when this returns."""

        async def stop_pool() -> None:
            if self._pool_task:
                self._pool_task.cancel()
                await asyncio.wait([self._pool_task])

        def close() -> None:
            with self._runner as runner:
                runner.run(stop_pool())

        _outside_event_loop(close)
        self._cache.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self, song: str | Path | Score, settings: Settings, progress: Progress) -> ShotSource:
        refuse_other(settings, self._fixed, "the renderer")
        return ShotSource(song, settings, self._analyzer or Analyzer.shared(settings), progress)

    def _plan(
        self,
        shots: Iterable[Shot],
        source: ShotSource,
        compositor: Compositor,
        settings: Settings,
        on_shot: Callable[[Shot], None] = lambda shot: None,
    ) -> Iterator[PlannedClip]:
        """The clip of each shot; on the way its words become captions, if the settings want them."""
        for shot in shots:
            on_shot(shot)
            if settings.lettering and shot.words:
                for text, start, end in caption_words(shot.words, shot.times, shot.start, shot.end):
                    compositor.show_caption(text, start, end)
            yield plan_clip(shot, source.header.style, self.selection, settings)

    def _run(self, work: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Run in the renderer's event loop; an error that ends the pool ends the work, and is raised in its place."""

        async def call() -> _T:
            self._call = asyncio.current_task()
            try:
                return await work()
            except asyncio.CancelledError:
                if self._pool_task and self._pool_task.done():
                    await self._pool_task
                raise

        try:
            return _outside_event_loop(lambda: run_async(call(), self._runner.run), self._cancel)
        finally:
            self._rendering = self._show = self._call = None
            self._cache.close()  # the clips are not in use any more

    def _cancel(self) -> None:
        if self._call:
            self._runner.get_loop().call_soon_threadsafe(self._call.cancel)

    async def _start_pool(self) -> WorkerPool:
        if self._pool is None or self._pool_task is None or self._pool_task.done():
            started = asyncio.get_running_loop().create_future()
            self._pool_task = asyncio.create_task(self._keep_pool(started), name="keep worker pool")
            self._pool = await started
        return self._pool

    async def _keep_pool(self, started: asyncio.Future[WorkerPool]) -> None:
        """Own the pool until this task is cancelled: a task of its own, since the pool outlasts each call."""
        pool = WorkerPool(
            self._cache,
            self.selection.generator,
            self.selection.model.id,
            self._pool_config.local,
            self._pool_config.remotes,
            on_progress=lambda job, share: self._rendering.report_share(share) if self._rendering else None,
            on_worker=self._worker_changed,
        )
        try:
            async with pool:
                started.set_result(pool)
                await asyncio.Event().wait()
        finally:
            if self._call:
                self._call.cancel()

    def _worker_changed(self, event: WorkerEvent) -> None:
        self._worker = event
        if self._show:
            self._show.worker = event
        self._on_worker(event)


def export(
    song: str | Path | Score,
    out: str | Path,
    settings: Settings | None = None,
    *,
    start: float = 0.0,
    duration: float | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Make one video: `Renderer.export` with a renderer by the settings."""
    settings = settings or Settings()
    with Renderer(settings.generator, settings.model, settings.scenes) as renderer:
        return renderer.export(song, out, settings, start=start, duration=duration, resume=resume, progress=progress)


def play(
    song: str | Path | Score,
    settings: Settings | None = None,
    *,
    config: ShowConfig | None = None,
    progress: Progress | None = None,
) -> ShowResult:
    """Play one song: `Renderer.play` with a renderer by the settings."""
    settings = settings or ShowSettings()
    with Renderer(settings.generator, settings.model, settings.scenes) as renderer:
        return renderer.play(song, settings, config=config, progress=progress)


def _compositor(settings: Settings, source: ShotSource) -> Compositor:
    overrides = Overrides(reaction=settings.reaction)
    return Compositor(settings.width, settings.height, settings.fps, source.features, overrides)


def _add_sections(planned: Iterable[PlannedClip], song: Song) -> Iterator[PlannedClip]:
    """The planned clips, each with the section of the song that its middle lies in."""
    found = find_sections(song.mono(ANALYSIS_RATE), ANALYSIS_RATE)
    starts = [section.start for section in found]
    for clip in planned:
        section = found[bisect.bisect_right(starts, (clip.start + clip.end) / 2) - 1]
        yield replace(clip, section=section.label)


def usable_pool(pool_config: PoolConfig, selection: Selection) -> PoolConfig:
    """The pool without processes here, where other hosts have the model and this one has not."""
    return pool_config if selection.runs_here else replace(pool_config, local=0)


def clip_cache() -> ClipCache:
    """The clips that all runs of this user share."""
    return ClipCache(cache_folder("clips"), CLIP_CACHE_BYTES)


def run_async(work: Coroutine[Any, Any, _T], run: Callable[[Coroutine[Any, Any, _T]], _T] = asyncio.run) -> _T:
    """`asyncio.run`; of an exception group the first AimvError is raised alone, else its first exception."""
    try:
        return run(work)
    except BaseExceptionGroup as group:
        first: BaseException = group.subgroup(AimvError) or group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from group


def _outside_event_loop(function: Callable[[], _T], cancel: Callable[[], None] = lambda: None) -> _T:
    """Call here, or, where an event loop runs already, as in a notebook, in a thread; `cancel` ends it early."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return function()
    with ThreadPoolExecutor(1, "renderer") as thread:
        result = thread.submit(function)
        try:
            return result.result()
        except BaseException:
            cancel()
            raise
