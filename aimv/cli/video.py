"""`aimv score`, `aimv export` and `aimv play`: from a song to its shots and its video."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aimv.app.logs import log_event
from aimv.cli.options import SongFile, command, console, load_config
from aimv.fields import options_of
from aimv.options import Control, Outputs, Pool, ScoreFile, ScoreSettings, Settings, ShowSettings, VideoFile, Window

if TYPE_CHECKING:
    from aimv.app.export import Renderer
    from engine.generators.registry import Selection
    from engine.pipeline import ShowResult
    from engine.render.pool import PoolConfig, WorkerEvent

SongOrScore = Annotated[
    Path, typer.Argument(help="A sound file, or a score made by `aimv score` (.score.jsonl).", metavar="FILE")
]


@command
def score(file: SongFile, settings: ScoreSettings, output: ScoreFile) -> None:
    """Write the score of a song: its shots with their sentences, one a line, to read and to edit.

    `aimv export` and `aimv play` take the score in place of the song.

    [dim]Examples:[/dim]

        aimv score song.wav -o song.score.jsonl
        aimv export song.score.jsonl -o song.mp4
    """
    from aimv.app.listen import score as make_score
    from aimv.cli.progress import VideoBars
    from aimv.language.score import SUFFIX
    from engine.files import check_writable

    out = output.out or Path(file.with_suffix("").name + SUFFIX)
    check_writable(out)
    with VideoBars() as bars:
        made = make_score(file, settings, progress=bars)
    made.save(out)
    console.print(f"{out}: {len(made.shots)} shots")


@command
def export(context: typer.Context, file: SongOrScore, settings: Settings, pool: Pool, output: VideoFile) -> None:
    """Make the music video of a song or a score: H.264 and the song's own sound, written whole or not at all.

    Finished clips are kept and reused, so that nothing is rendered twice.

    [dim]Examples:[/dim]

        aimv export song.wav -o song.mp4
        aimv export song.wav --style "ink on paper" --size 640x360 --start 30 --duration 15
        aimv export song.wav --scenes my-isf-files --lettering
        aimv export song.score.jsonl --generator auto --preset live
    """
    from aimv.cli.progress import VideoBars
    from aimv.language.score import SUFFIX, is_score

    out = output.out or Path(file.name.removesuffix(SUFFIX) if is_score(file) else file.stem).with_suffix(".mp4")
    with VideoBars() as bars, _renderer(settings, pool) as renderer:
        written = renderer.export(
            file,
            out,
            _settings_for(file, settings, context),
            start=output.start,
            duration=output.duration,
            resume=output.resume,
            progress=bars,
        )
    console.print(f"{written}")


@command
def play(
    context: typer.Context,
    file: SongOrScore,
    settings: ShowSettings,
    pool: Pool,
    window: Window,
    outputs: Outputs,
    control: Control,
) -> None:
    """Play a song with its music video in a window; clips are rendered ahead of the sound.

    Keys: space pauses, f fills the screen, h shows the readout, b blackout, - and + how strongly the picture
    reacts, 0 to 3 flashes allowed, q or Esc ends.

    [dim]Examples:[/dim]

        aimv play song.wav
        aimv play song.mp3 --size 640x360 --style "stained glass"
    """
    from aimv.app.show import ShowConfig
    from aimv.cli.progress import VideoBars

    with VideoBars() as bars, _renderer(settings, pool) as renderer:
        performance = renderer.play(
            file,
            _settings_for(file, settings, context),
            config=ShowConfig(
                outputs=vars(outputs), control=transports(control), fullscreen=window.fullscreen, hud=window.hud
            ),
            progress=bars,
        )
    print_performance(performance)


def _renderer(settings: Settings, pool: Pool) -> Renderer:
    """What renders for a command; prints its generator and changes of its workers."""
    from aimv.app.export import Renderer

    selected = (settings.generator, settings.model, settings.scenes)
    renderer = Renderer(*selected, pool_config=pool_config(pool), on_worker=print_worker)
    print_selection(renderer.selection)
    return renderer


def _settings_for(file: Path, settings: Settings, context: typer.Context) -> Settings:
    """The settings; for a score without those of the config that the score has itself, which are no mistake."""
    from aimv.language.score import is_score

    own = options_of(ScoreSettings) if is_score(file) else ()
    sources = ((option, context.get_parameter_source(option.name)) for option in own)
    configured = {option.name: option.default for option, source in sources if source and source.name == "DEFAULT_MAP"}
    return dataclasses.replace(settings, **configured)


def pool_config(pool: Pool) -> PoolConfig:
    """The render processes of a command."""
    from engine.render.pool import PoolConfig

    return PoolConfig.from_addresses(pool.workers, pool.worker, pool.keys)


def transports(control: Control) -> dict[str, Any]:
    """What controls the show of a command, as `ControlService` takes it."""
    return {**vars(control), "midi_map": load_config().midi}


def print_performance(performance: ShowResult) -> None:
    """Print how a show went: its pictures, the seconds of each kind of clip, what failed."""
    played = performance.frames
    console.print(f"{played.drawn} pictures, {played.late} late, {played.skipped} skipped")
    console.print(", ".join(f"{seconds:.1f} s {kind}" for kind, seconds in performance.seconds.items()))
    for reason, times in Counter(performance.failures).items():
        console.print(f"{times} clip{'s' * (times > 1)} failed: {reason}")


def print_selection(selection: Selection) -> None:
    """Print and log which generator renders, and why."""
    console.print(f"generator: {selection.reason}")
    for reason in selection.model.skipped:
        console.print(f"left out: {reason}")
    log_event("generator", name=selection.generator, reason=selection.reason)


def print_worker(event: WorkerEvent) -> None:
    """Log what a render process does, and print what a person should know."""
    log_event("worker", state=event.state, pid=event.pid, detail=event.detail)
    if event.state == "refused":
        console.print(f"a render process on another host is not used: {event.detail}")
    if event.state == "lost":
        console.print(f"the render process was lost ({event.detail}); another goes on with its shot")
