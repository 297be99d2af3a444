"""From a song or a score to its music video: exported to a file, or played in a window."""

import asyncio
import bisect
import contextlib
import hashlib
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from aimv.app.listen import Analyzer, ShotSource
from aimv.app.play import Dressing, PlayedSong
from aimv.language.lyrics import caption_words, sung_object
from aimv.language.score import SUFFIX, Score, ScoreHeader, Shot
from aimv.options import Settings
from engine.analysis.windows import ANALYSIS_RATE
from engine.audio.devices import sound_library
from engine.audio.structure import find_sections
from engine.colour import harmony, hex_of_name
from engine.errors import AimvError, UsageError
from engine.files import cache_folder, check_writable
from engine.generators.registry import Selection, select_generator
from engine.outputs.base import MediaFormat
from engine.outputs.encoder import EXPORT, encode_file
from engine.pipeline import Cue, Performance, Rendering, board, in_thread, perform, write
from engine.playback.compositor import Compositor
from engine.render.cache import ClipCache
from engine.render.job import Job
from engine.render.pool import PoolConfig, WorkerEvent, WorkerPool
from engine.threads import request_low_latency
from engine.types import Overrides, Progress

_T = TypeVar("_T")

CLIP_CACHE_BYTES = 4 * 2**30  # clips kept for reuse
HERE = PoolConfig()  # one process on this host
PLAIN = Dressing()


def make_cue(shot: Shot, style: str, selection: Selection, settings: Settings) -> Cue:
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
    return Cue(shot.start, shot.end, job, continues=selection.model.image_start)


def export(
    path: str | Path,
    out: str | Path,
    settings: Settings | None = None,
    *,
    start: float = 0.0,
    duration: float | None = None,
    resume: bool = False,
    pool_config: PoolConfig = HERE,
    progress: Progress | None = None,
    on_selection: Callable[[Selection], None] = lambda selection: None,
    on_worker: Callable[[WorkerEvent], None] = lambda event: None,
) -> Path:
    """Make the video of a song or a score and write it to `out` (H.264 and AAC in MP4), whole or not at all.

    `start` and `duration` (s) take an excerpt of the same video. With `resume` an interrupted export of the same
    song to the same place goes on with what it had heard; finished clips are reused in any case.

    Raises an `AimvError` whose text is one line for a person.
    """
    settings = settings or Settings()
    path, out = Path(path), Path(out)
    check_writable(out)
    if out.exists() and path.exists() and out.samefile(path):
        raise UsageError(f"{out} is the song itself: choose another name with -o")
    selection = select_generator(settings.generator, settings.model, settings.scenes, remote=bool(pool_config.remotes))
    pool_config = usable_pool(pool_config, selection)
    on_selection(selection)
    progress = progress or Progress()
    source = ShotSource(path, settings, Analyzer.shared(settings), progress)
    end = source.song.duration if duration is None else min(source.song.duration, start + duration)
    if not 0 <= start < source.song.duration or end - start < 1 / settings.fps:
        raise UsageError(
            f"there is nothing from {start:g} s on for {end - start:g} s in a song of {source.song.duration:.2f} s: "
            "choose --start and --duration within it"
        )
    progress.lasts(source.song.duration, end - start)
    kept = _KeptScore(out, source.header, settings)
    if resume and (score := kept.read()):
        source.replay(score)
    sound = source.song.stereo()[round(start * source.song.rate) : round(end * source.song.rate)]
    format = MediaFormat(settings.width, settings.height, settings.fps, source.song.rate, sound.shape[1])

    async def run(cache: ClipCache) -> None:
        compositor = _compositor(settings, source)
        shots = kept.keeping(source.shots())
        cues = (
            make_cue(shot, source.header.style, selection, settings)
            for shot in _lettering(compositor, settings, itertools.takewhile(lambda shot: shot.start < end, shots))
            if shot.end > start
        )
        with (
            encode_file(out, format, EXPORT) as video,
            contextlib.closing(compositor),
        ):
            video.write_audio(sound, round(start * source.song.rate))
            async with _rendering(cache, selection, pool_config, progress, on_worker) as rendering:
                await write(in_thread(cues), rendering, compositor, video, start, end, progress)

    with clip_cache() as cache:
        run_async(run(cache))
    kept.forget()
    return out


def play(
    path: str | Path,
    settings: Settings | None = None,
    *,
    pool_config: PoolConfig = HERE,
    dressing: Dressing = PLAIN,
    progress: Progress | None = None,
    on_selection: Callable[[Selection], None] = lambda selection: None,
    on_worker: Callable[[WorkerEvent], None] = lambda event: None,
) -> Performance:
    """Play a song with its video in a window: sound by PortAudio, the picture on the sound's clock.

    `dressing` says which outputs there are beside the window, and how the show may be steered.

    Playing starts once the first clip is there; the others are made ahead of it. Ends with the song, or when q or Esc
    is pressed. Raises an `AimvError` whose text is one line for a person.
    """
    settings = settings or Settings()
    sound_library("playing sound")
    selection = select_generator(settings.generator, settings.model, settings.scenes, remote=bool(pool_config.remotes))
    pool_config = usable_pool(pool_config, selection)
    on_selection(selection)
    progress = progress or Progress()
    source = ShotSource(path, settings, Analyzer.shared(settings), progress)
    progress.lasts(source.song.duration, source.song.duration)

    async def run(cache: ClipCache) -> Performance:
        request_low_latency()
        compositor = _compositor(settings, source)
        title = f"AIMV: {Path(path).name}"
        with (
            contextlib.closing(compositor),
            PlayedSong(title, source.song, compositor, source.features, dressing) as stage,
        ):

            def worked(event: WorkerEvent) -> None:
                stage.worker = event
                on_worker(event)

            cues = _cues_in_sections(source, compositor, selection, settings, stage.know)
            pool = WorkerPool(
                cache, selection.generator, selection.model.id, pool_config.local, pool_config.remotes, on_worker=worked
            )
            async with stage.service, pool:
                return await perform(
                    in_thread(cues),
                    pool,
                    compositor,
                    stage.clock,
                    stage,
                    stage.stopped,
                    board(selection.spec, settings.preset),
                    progress,
                    workers=pool_config.size,
                    tally=stage.tally,
                    on_job=stage.remember,
                )

    with clip_cache() as cache:
        return run_async(run(cache))


def _compositor(settings: Settings, source: ShotSource) -> Compositor:
    overrides = Overrides(reaction=settings.reaction)
    return Compositor(settings.width, settings.height, settings.fps, source.features, overrides)


def _lettering(compositor: Compositor, settings: Settings, shots: Iterable[Shot]) -> Iterator[Shot]:
    """The same shots; if it is wanted, their sung words are set in type on the way."""
    for shot in shots:
        if settings.lettering and shot.words:
            for text, start, end in caption_words(shot.words, shot.times, shot.start, shot.end):
                compositor.show_caption(text, start, end)
        yield shot


def _cues_in_sections(
    source: ShotSource, compositor: Compositor, selection: Selection, settings: Settings, know: Callable[[Shot], None]
) -> Iterator[Cue]:
    """The cues of a song that is played, each with the section of the song that its middle lies in."""
    found = find_sections(source.song.mono(ANALYSIS_RATE), ANALYSIS_RATE)
    starts = [section.start for section in found]
    for shot in _lettering(compositor, settings, source.shots()):
        know(shot)
        section = found[bisect.bisect_right(starts, (shot.start + shot.end) / 2) - 1]
        yield msgspec.structs.replace(make_cue(shot, source.header.style, selection, settings), section=section.label)


class _KeptScore:
    """What an export has heard, kept in the cache until it is finished, so that it can go on there."""

    def __init__(self, out: Path, header: ScoreHeader, settings: Settings) -> None:
        heard_with = (
            header.sha256,
            header.style,
            header.seed,
            settings.language,
            settings.whisper,
            str(out.absolute()),
        )
        name = hashlib.sha256(repr(heard_with).encode()).hexdigest()[:32]
        self._path = cache_folder("exports") / f"{name}{SUFFIX}"
        self._header = header

    def keeping(self, shots: Iterator[Shot]) -> Iterator[Shot]:
        """The same shots; once they have all come they are kept."""
        seen = []
        for shot in shots:
            seen.append(shot)
            yield shot
        song = str(Path(self._header.song).absolute())
        Score(msgspec.structs.replace(self._header, song=song), tuple(seen)).save(self._path)

    def read(self) -> Score | None:
        """The score that was kept, if any."""
        return Score.load(self._path) if self._path.exists() else None

    def forget(self) -> None:
        """The export is finished."""
        self._path.unlink(missing_ok=True)


def usable_pool(pool_config: PoolConfig, selection: Selection) -> PoolConfig:
    """The pool without processes here, where other hosts have the model and this one has not."""
    return pool_config if selection.runs_here else msgspec.structs.replace(pool_config, local=0)


def clip_cache() -> ClipCache:
    """The clips that all runs of this user share."""
    return ClipCache(cache_folder("clips"), CLIP_CACHE_BYTES)


@contextlib.asynccontextmanager
async def _rendering(
    cache: ClipCache,
    selection: Selection,
    pool_config: PoolConfig,
    progress: Progress,
    on_worker: Callable[[WorkerEvent], None],
) -> AsyncIterator[Rendering]:
    made: list[Rendering] = []
    pool = WorkerPool(
        cache,
        selection.generator,
        selection.model.id,
        pool_config.local,
        pool_config.remotes,
        on_progress=lambda job, share: made[0].share(share),
        on_worker=on_worker,
    )
    async with pool:
        made.append(Rendering(pool, progress))
        yield made[0]


def run_async(work: Coroutine[Any, Any, _T]) -> _T:
    """Run to the end; of several failures at once the first that is ours is raised, alone."""
    try:
        return asyncio.run(work)
    except BaseExceptionGroup as group:
        raise _first(group) from group


def _first(error: BaseException) -> BaseException:
    """The most telling exception of a group: one of ours before any other."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [_first(inner) for inner in error.exceptions]
    return next((leaf for leaf in leaves if isinstance(leaf, AimvError)), leaves[0])
