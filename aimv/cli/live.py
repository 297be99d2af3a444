"""`aimv live`, `aimv inputs` and `aimv learn`: a show from a sound input, and what it may be steered by."""

import asyncio
import contextlib
import queue
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from aimv.app.export import run_async, usable_pool
from aimv.app.live import LiveShow
from aimv.app.telemetry import Metrics, readout_of, telemetry_of, watched
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
    LinkIn,
    MetricsPort,
    MidiPort,
    NdiOut,
    OscPort,
    Record,
    Seed,
    Stream,
    Whisper,
)
from aimv.cli.progress import console
from aimv.cli.video import (
    Elsewhere,
    Fps,
    Generator,
    Lettering,
    Model,
    Preset,
    Reaction,
    Scenes,
    Size,
    Style,
    Workers,
    print_show_result,
)
from aimv.config import config_path
from aimv.config import learn as write_learnt
from aimv.language.score import ScoreRecorder
from aimv.options import WHISPER, Settings
from engine.analysis.instruments import OnnxClassifier
from engine.analysis.transcription.models import load as load_whisper
from engine.analysis.transcription.streaming import StreamingWhisper
from engine.audio.devices import SoundCard, find_input
from engine.audio.devices import inputs as sound_inputs
from engine.control.commands import spec_of
from engine.control.keyboard import Keyboard
from engine.control.midi import control_of, find_port, open_input, ports
from engine.control.osc import address_of
from engine.control.service import ControlRoom, Wires
from engine.errors import DeviceError, OutputError, UsageError
from engine.generators.registry import select_generator
from engine.outputs.base import MediaFormat, QueuedOutput
from engine.outputs.fanout import open_outputs
from engine.outputs.window import Window
from engine.pipeline import ShowResult
from engine.render.pool import PoolConfig
from engine.threads import lower_priority, to_thread

_LEARNING_S = 30.0
_MOVED = 0.1  # of its way: a knob that only trembles is not meant


def live(
    input: Annotated[
        str | None, typer.Option("--input", help="A name, a part of one, or a number of `aimv inputs`.")
    ] = None,
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
    words: Annotated[bool, typer.Option(help="Hear what is sung, too.")] = True,
    language: Language = "auto",
    whisper: Whisper = WHISPER,
    seed: Seed = 0,
    duration: Annotated[float | None, typer.Option(help="End after so many seconds.", metavar="S")] = None,
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
    link: LinkIn = False,
    metrics: MetricsPort = "",
) -> None:
    """Perform what a sound input plays: the picture moves with it at once, its scenes follow within seconds.

    Keys: f fills the screen, h shows what it hears and does, n next shot, space hold, b blackout, t taps the beat,
    [ and ] nudge it, - and + how far the music moves the picture, 0 to 3 flashes allowed, s another seed, g the other
    generator, Enter types a style, q ends.

    [dim]Examples:[/dim]

        aimv live --input "USB Audio" --record show.mp4
        aimv live --mqtt mqtts://vj@stage.local --osc 9000 --fullscreen
    """
    settings = Settings(
        generator=generator,
        model=model,
        preset=preset,
        scenes=scenes,
        lettering=lettering,
        reaction=reaction,
        style=style,
        size=size,
        fps=fps,
        seed=seed,
        language=language,
        whisper=whisper,
    )
    card = SoundCard(find_input(input))
    wires = Wires(
        mqtt=mqtt,
        mqtt_password=mqtt_password,
        mqtt_ca=mqtt_ca,
        osc=osc,
        midi=midi,
        midi_map=loaded().midi,
        link=link,
    )
    hands = PoolConfig.from_addresses(workers, tuple(worker or ()), keys)
    selection = select_generator(generator, model, scenes, remote=bool(hands.remotes))
    console.print(f"generator: {selection.reason}")
    transcriber = _words(whisper, settings.language) if words else None
    show = LiveShow(settings, card, OnnxClassifier(), transcriber, selection, usable_pool(hands, selection))
    room = ControlRoom(wires, show.desk, show.tempo, show.input.time, lambda: telemetry_of(show))
    served = Metrics(*address_of(metrics)) if metrics else None

    wanted = {"record": record, "stream": stream, "camera": camera, "ndi": ndi}
    shape = settings.width, settings.height
    with Window("AIMV live", *shape, Keyboard(show.desk), lambda: readout_of(show, room.why)) as window:
        window.readout_shown = hud
        if fullscreen:
            window.set_fullscreen()
        outputs = open_outputs(wanted, MediaFormat(*shape, fps, card.rate))
        if record:
            show.score = ScoreRecorder(record)
        ends = duration and time.monotonic() + duration

        async def run() -> ShowResult:
            async with room.connected(), watched(lambda: telemetry_of(show), served):
                return await show.perform(
                    window, outputs, lambda: window.quit or bool(ends and time.monotonic() > ends)
                )

        try:
            shown = run_async(run())
        except KeyboardInterrupt:
            with contextlib.suppress(OutputError):
                _write_score(show, outputs)
            raise
    _say(show, shown, outputs)


def inputs() -> None:
    """List the sound inputs and MIDI inputs of this machine.

    [dim]Example:[/dim]

        aimv inputs
    """
    out = Console(highlight=False, markup=False, soft_wrap=True)
    there = sound_inputs()
    table = Table("", "sound input", "by", "channels", "rate", box=None)
    for each in there:
        name = f"{each.name} (default)" if each.default else each.name
        table.add_row(str(each.index), name, each.host, str(each.channels), f"{each.rate} Hz")
    out.print(table if there else "no sound input: connect one")
    try:
        names = ports()
    except (DeviceError, UsageError) as error:
        out.print(f"no MIDI: {error}")
    else:
        for name in names:
            out.print(f"MIDI input: {name}")
        if not names:
            out.print("no MIDI input")


def learn(
    command: Annotated[str, typer.Argument(help='What a control shall do: react, next, "style oil painting", ...')],
    midi: Annotated[str, typer.Option(help="The MIDI input, or a part of its name.", metavar="NAME")] = "",
) -> None:
    """Learn a MIDI control: move a knob or press a key, and it is written into the config.

    [dim]Examples:[/dim]

        aimv learn react --midi nanoKONTROL
        aimv learn next --midi nanoKONTROL
    """
    spec_of(command.split(" ", 1)[0])
    name = find_port(midi)
    came: queue.SimpleQueue[Any] = queue.SimpleQueue()
    port = open_input(name)(came.put)
    console.print(f"{name}: move the knob or press the key for {command!r} (Ctrl-C gives up)")
    try:
        control = _first_moved(came)
    finally:
        port.close()
    write_learnt(config_path(), control, command)
    console.print(f"{control} is now {command!r}, in {config_path()}")


def _first_moved(came: "queue.SimpleQueue[Any]") -> str:
    """The control that is pressed or moved first."""
    rested: dict[str, float] = {}
    ends = time.monotonic() + _LEARNING_S
    while (left := ends - time.monotonic()) > 0:
        try:
            found = control_of(came.get(timeout=left))
        except queue.Empty:
            break
        if found is None:
            continue
        control, share = found
        if ("note" in control and share > 0) or abs(share - rested.setdefault(control, share)) > _MOVED:
            return control
    raise UsageError(f"no control was moved for {_LEARNING_S:g} s: is this the right MIDI input?")


def _words(whisper: str, language: str | None) -> StreamingWhisper:
    """Whisper on threads that step back behind the picture: they inherit the priority of the one that starts them."""

    def load() -> StreamingWhisper:
        lower_priority()
        return StreamingWhisper(load_whisper(whisper), language)

    return asyncio.run(to_thread(load))


def _say(show: LiveShow, shown: ShowResult, queued: Sequence[QueuedOutput]) -> None:
    """How the show went."""
    print_show_result(shown)
    outputs = show.outputs
    console.print(
        f"input: {show.input.xruns} xruns, {show.input.overflows} overflows, {show.input.losses} losses, "
        f"{show.analyzer.skipped_s:.1f} s not heard"
    )
    if outputs and (late := outputs.latency(0.95)) is not None:
        console.print(f"sound to picture: p95 {1000 * late:.0f} ms")
    for each in queued:
        console.print(
            f"{each.name}: {each.written} pictures, {each.dropped} dropped"
            + (f": {each.reason}" if each.reason else "")
        )
    if show.score and (count := _write_score(show, queued)):
        console.print(f"{show.score.path}: {count} shots")


def _write_score(show: LiveShow, queued: Sequence[QueuedOutput]) -> int:
    """Put the score beside a finished recording; how many shots it has, 0 where nothing was recorded."""
    begins = next((each.begins for each in queued if each.kind == "record"), None)
    return show.score.save(begins) if show.score and begins is not None else 0
