"""`aimv score`, `aimv export` and `aimv play`: from a song to its shots and its video."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from aimv.app import export as video
from aimv.app.listen import score as score_of
from aimv.app.logs import tell
from aimv.app.play import Dressing
from aimv.cli.config import loaded
from aimv.cli.options import (
    KEYS,
    Broker,
    BrokerCa,
    BrokerPassword,
    Camera,
    Fullscreen,
    Hud,
    KeysFolder,
    Language,
    MidiPort,
    NdiOut,
    OscPort,
    Record,
    Seed,
    SongFile,
    Stream,
    Whisper,
)
from aimv.cli.progress import VideoBars, console
from aimv.language.score import SUFFIX, is_score
from aimv.options import WHISPER, Settings
from engine.control.service import Wires
from engine.errors import UsageError
from engine.files import check_writable
from engine.generators.registry import Selection, names, presets
from engine.pipeline import ShowResult
from engine.render.pool import PoolConfig, WorkerEvent

SongOrScore = Annotated[
    Path, typer.Argument(help="A sound file, or a score made by `aimv score` (.score.jsonl).", metavar="FILE")
]
Style = Annotated[str, typer.Option(help='Words added to every sentence, such as "oil painting".', metavar="TEXT")]
Generator = Annotated[str, typer.Option(help=f"What makes the pictures: {', '.join(names())}.")]
Model = Annotated[
    str, typer.Option(help="Hub id or folder, for a generator that loads a model.", metavar="ID_OR_FOLDER")
]
Preset = Annotated[str, typer.Option(help=f"How much work a clip is given: {', '.join(presets())}.", metavar="NAME")]
Workers = Annotated[int, typer.Option(help="Render processes on this host.", metavar="N")]
Elsewhere = Annotated[
    list[str] | None,
    typer.Option(
        "--worker", help="A render process on another host (`aimv render`); may be repeated.", metavar="tcp://HOST:PORT"
    ),
]
Size = Annotated[str, typer.Option(help="Width and height in pixels.", metavar="WxH")]
Fps = Annotated[float, typer.Option(help="Frames a second, 1 to 120.", metavar="N")]
Scenes = Annotated[
    str, typer.Option(help="A folder of ISF files to draw in place of AIMV's own scenes.", metavar="FOLDER")
]
Lettering = Annotated[bool, typer.Option("--lettering", help="Set the sung words in type on the picture.")]
Reaction = Annotated[float, typer.Option(help="How far the music moves the picture, 0 to 2.", metavar="X")]


def score(
    file: SongFile,
    out: Annotated[Path | None, typer.Option("-o", help="Where to write it.", metavar="SONG.score.jsonl")] = None,
    style: Style = "",
    language: Language = "auto",
    whisper: Whisper = WHISPER,
    seed: Seed = 0,
) -> None:
    """Write the score of a song: its shots with their sentences, one a line, to read and to edit.

    `aimv export` and `aimv play` take the score in place of the song.

    [dim]Examples:[/dim]

        aimv score song.wav -o song.score.jsonl
        aimv export song.score.jsonl -o song.mp4
    """
    out = out or Path(file.with_suffix("").name + SUFFIX)
    if not is_score(out):
        raise UsageError(f"{out} is not named as a score: give -o a name that ends in {SUFFIX}")
    check_writable(out)
    settings = Settings(style=style, language=language, whisper=whisper, seed=seed)
    with VideoBars() as bars:
        made = score_of(file, settings, progress=bars)
    made.save(out)
    console.print(f"{out}: {len(made.shots)} shots")


def export(
    file: SongOrScore,
    out: Annotated[Path | None, typer.Option("-o", help="The video; without it, FILE's name with .mp4.")] = None,
    generator: Generator = "auto",
    model: Model = "",
    preset: Preset = "",
    scenes: Scenes = "",
    lettering: Lettering = False,
    reaction: Reaction = 1.0,
    workers: Workers = 1,
    worker: Elsewhere = None,
    keys: KeysFolder = KEYS,
    style: Style = "",
    size: Size = "1280x720",
    fps: Fps = 24.0,
    start: Annotated[float, typer.Option(help="Begin at this second of the song.", metavar="S")] = 0.0,
    duration: Annotated[float | None, typer.Option(help="Only this many seconds.", metavar="S")] = None,
    language: Language = "auto",
    whisper: Whisper = WHISPER,
    seed: Seed = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an export that was stopped.")] = False,
) -> None:
    """Make the music video of a song or a score: H.264 and the song's own sound, written whole or not at all.

    Finished clips are kept and reused, so that nothing is rendered twice.

    [dim]Examples:[/dim]

        aimv export song.wav -o song.mp4
        aimv export song.wav --style "ink on paper" --size 640x360 --start 30 --duration 15
        aimv export song.wav --scenes my-isf-files --lettering
        aimv export song.score.jsonl --generator auto --preset live
    """
    settings = _settings(
        generator, model, preset, style, size, fps, language, whisper, seed, scenes, lettering, reaction
    )
    if is_score(file) and style:
        raise UsageError('a score has a style of its own: edit "style" in its first line')
    out = out or Path(file.name.removesuffix(SUFFIX) if is_score(file) else file.stem).with_suffix(".mp4")
    if out.suffix.lower() != ".mp4":
        raise UsageError(f"{out} is not named as a video: give -o a name that ends in .mp4")
    with VideoBars() as bars:
        written = video.export(
            file,
            out,
            settings,
            start=start,
            duration=duration,
            resume=resume,
            pool_config=PoolConfig.from_addresses(workers, tuple(worker or ()), keys),
            progress=bars,
            on_selection=_say_selection,
            on_worker=_say_worker,
        )
    console.print(f"{written}")


def play(
    file: SongOrScore,
    generator: Generator = "auto",
    model: Model = "",
    preset: Preset = "",
    scenes: Scenes = "",
    lettering: Lettering = False,
    reaction: Reaction = 1.0,
    workers: Workers = 1,
    worker: Elsewhere = None,
    keys: KeysFolder = KEYS,
    style: Style = "",
    size: Size = "1280x720",
    fps: Fps = 30.0,
    language: Language = "auto",
    whisper: Whisper = WHISPER,
    seed: Seed = 0,
    fullscreen: Fullscreen = False,
    hud: Hud = False,
    record: Record = None,
    stream: Stream = [],  # noqa: B006 - typer copies it
    camera: Camera = False,
    ndi: NdiOut = False,
    mqtt: Broker = "",
    mqtt_password: BrokerPassword = "",
    mqtt_ca: BrokerCa = "",
    osc: OscPort = "",
    midi: MidiPort = "",
) -> None:
    """Play a song with its music video in a window; clips are made ahead of the sound.

    Keys: space pauses, f fills the screen, h shows what it does, b blackout, - and + how far the music moves the
    picture, 0 to 3 flashes allowed, q or Esc ends.

    [dim]Examples:[/dim]

        aimv play song.wav
        aimv play song.mp3 --size 640x360 --style "stained glass"
    """
    settings = _settings(
        generator, model, preset, style, size, fps, language, whisper, seed, scenes, lettering, reaction
    )
    wires = Wires(mqtt=mqtt, mqtt_password=mqtt_password, mqtt_ca=mqtt_ca, osc=osc, midi=midi, midi_map=loaded().midi)
    outputs = {"record": record, "stream": stream, "camera": camera, "ndi": ndi}
    with VideoBars() as bars:
        shown = video.play(
            file,
            settings,
            dressing=Dressing(outputs=outputs, wires=wires, fullscreen=fullscreen, hud=hud),
            pool_config=PoolConfig.from_addresses(workers, tuple(worker or ()), keys),
            progress=bars,
            on_selection=_say_selection,
            on_worker=_say_worker,
        )
    print_show_result(shown)


def print_show_result(shown: ShowResult) -> None:
    """How the show went: its pictures, the account of its seconds, what failed."""
    played = shown.frames
    console.print(f"{played.drawn} pictures, {played.late} late, {played.skipped} skipped")
    console.print(", ".join(f"{seconds:.1f} s {kind}" for kind, seconds in shown.seconds.items()))
    for reason, times in Counter(shown.failures).items():
        console.print(f"{times} clip{'s' * (times > 1)} failed: {reason}")


def _settings(
    generator: str,
    model: str,
    preset: str,
    style: str,
    size: str,
    fps: float,
    language: str,
    whisper: str,
    seed: int,
    scenes: str,
    lettering: bool,
    reaction: float,
) -> Settings:
    return Settings(
        generator=generator,
        model=model,
        preset=preset,
        style=style,
        size=size,
        fps=fps,
        seed=seed,
        language=language,
        whisper=whisper,
        scenes=scenes,
        lettering=lettering,
        reaction=reaction,
    )


def _say_selection(selection: Selection) -> None:
    console.print(f"generator: {selection.reason}")
    for reason in selection.model.skipped:
        console.print(f"left out: {reason}")
    tell("generator", name=selection.generator, reason=selection.reason)


def _say_worker(event: WorkerEvent) -> None:
    tell("worker", state=event.state, pid=event.pid, detail=event.detail)
    if event.state == "refused":
        console.print(f"a render process on another host is not used: {event.detail}")
    if event.state == "lost":
        console.print(f"the render process was lost ({event.detail}); another goes on with its shot")
