"""`aimv live`, `aimv inputs` and `aimv learn`: a show from a sound input, and what may control it."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aimv.cli.options import command, console
from aimv.cli.video import pool_config, print_performance, print_selection, print_worker, transports
from aimv.config import config_path, write_midi_control
from aimv.options import LiveControl, LiveInput, MidiInput, Outputs, Pool, ShowSettings
from aimv.options import Window as WindowOptions
from engine.errors import DeviceError, OutputError, UsageError

if TYPE_CHECKING:
    from aimv.app.live import LiveShow
    from engine.analysis.transcription.streaming import StreamingTranscriber
    from engine.outputs.base import QueuedOutput
    from engine.pipeline import ShowResult

_LEARNING_S = 30.0
_MOVED = 0.1  # of its range: a knob that only trembles is not meant


@command
def live(
    settings: ShowSettings,
    input: LiveInput,
    pool: Pool,
    window: WindowOptions,
    outputs: Outputs,
    control: LiveControl,
) -> None:
    """Show a music video of a sound input: the picture reacts at once, its scenes follow within seconds.

    Keys: f fills the screen, h shows the readout, n next shot, space hold, b blackout, t taps the beat,
    [ and ] nudge it, - and + how strongly the picture reacts, 0 to 3 flashes allowed, s another seed, g the other
    generator, Enter types a style, q ends.

    [dim]Examples:[/dim]

        aimv live --input "USB Audio" --record show.mp4
        aimv live --mqtt mqtts://vj@stage.local --osc 9000 --fullscreen
    """
    from aimv.app.export import run_async, usable_pool
    from aimv.app.live import LiveShow
    from aimv.app.show import ShowConfig
    from aimv.app.telemetry import Metrics, make_readout, make_telemetry, report_health
    from aimv.language.score import ScoreRecorder
    from engine.analysis.instruments import load_classifier
    from engine.audio.devices import SoundCard, find_input
    from engine.control.osc import parse_address
    from engine.generators.registry import select_generator

    card = SoundCard(find_input(input.input))
    workers = pool_config(pool)
    selection = select_generator(settings.generator, settings.model, settings.scenes, remote=bool(workers.remotes))
    print_selection(selection)
    transcriber = load_transcriber(settings.whisper, settings.language) if input.words else None
    usable = usable_pool(workers, selection)
    show = LiveShow(settings, card, load_classifier(), transcriber, selection, usable, print_worker)
    service = show.open_service(transports(control), lambda: make_telemetry(show))
    metrics = Metrics(*parse_address(control.metrics, "metrics")) if control.metrics else None
    config = ShowConfig(fullscreen=window.fullscreen, hud=window.hud)
    with show.open_window("AIMV live", config, lambda: make_readout(show)) as shown:
        queued = show.open_outputs(vars(outputs), card.rate)
        if outputs.record:
            show.score = ScoreRecorder(outputs.record)
        ends = input.duration and time.monotonic() + input.duration

        async def run() -> ShowResult:
            async with service, report_health(lambda: make_telemetry(show), metrics):
                return await show.perform(shown, queued, lambda: shown.quit or bool(ends and time.monotonic() > ends))

        try:
            performance = run_async(run())
        except KeyboardInterrupt:
            with contextlib.suppress(OutputError):
                _write_score(show, queued)
            raise
    _print_summary(show, performance, queued)


@command
def inputs() -> None:
    """List the sound inputs and MIDI inputs of this machine.

    [dim]Example:[/dim]

        aimv inputs
    """
    from rich.console import Console
    from rich.table import Table

    from engine.audio.devices import inputs as sound_inputs
    from engine.control.midi import list_ports

    out = Console(highlight=False, markup=False, soft_wrap=True)
    cards = sound_inputs()
    table = Table("", "sound input", "by", "channels", "rate", box=None)
    for each in cards:
        name = f"{each.name} (default)" if each.default else each.name
        table.add_row(str(each.index), name, each.host, str(each.channels), f"{each.rate} Hz")
    out.print(table if cards else "no sound input: connect one")
    try:
        lines = [f"MIDI input: {name}" for name in list_ports()] or ["no MIDI input"]
    except (DeviceError, UsageError) as error:
        lines = [f"no MIDI: {error}"]
    out.print("\n".join(lines))


@command
def learn(
    action: Annotated[
        str, typer.Argument(help='Command to assign: react, next, "style oil painting", ...', metavar="COMMAND")
    ],
    input: MidiInput,
) -> None:
    """Assign a command to a MIDI control: move a knob or press a key, and the config is updated.

    [dim]Examples:[/dim]

        aimv learn react --midi nanoKONTROL
        aimv learn next --midi nanoKONTROL
    """
    from engine.control.commands import find_command
    from engine.control.midi import find_port, open_input

    find_command(action.split(" ", 1)[0])
    name = find_port(input.midi)
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    port = open_input(name, messages.put)
    console.print(f"{name}: move the knob or press the key for {action!r} (Ctrl-C gives up)")
    try:
        control = _first_moved(messages)
    finally:
        port.close()
    write_midi_control(config_path(), control, action)
    console.print(f"{control} is now {action!r}, in {config_path()}")


def _first_moved(messages: queue.SimpleQueue[Any]) -> str:
    """The control that is pressed or moved first."""
    from engine.control.midi import read_control

    first: dict[str, float] = {}  # the position of each control in its first message
    ends = time.monotonic() + _LEARNING_S
    while (left := ends - time.monotonic()) > 0:
        try:
            found = read_control(messages.get(timeout=left))
        except queue.Empty:
            break
        if found is None:
            continue
        control, position = found
        if ("note" in control and position > 0) or abs(position - first.setdefault(control, position)) > _MOVED:
            return control
    raise UsageError(f"no control was moved for {_LEARNING_S:g} s: is this the right MIDI input?", option="midi")


def load_transcriber(whisper: str, language: str | None) -> StreamingTranscriber:
    """Whisper on threads of low priority, which they inherit from the thread that loads the model."""
    import asyncio

    from engine.analysis.transcription.decoder import WhisperDecoder
    from engine.analysis.transcription.models import load_whisper
    from engine.analysis.transcription.streaming import StreamingTranscriber
    from engine.threads import lower_priority, to_thread

    def load() -> StreamingTranscriber:
        lower_priority()
        return StreamingTranscriber(WhisperDecoder(load_whisper(whisper), language))

    return asyncio.run(to_thread(load))


def _print_summary(show: LiveShow, performance: ShowResult, queued: Sequence[QueuedOutput]) -> None:
    print_performance(performance)
    console.print(
        f"input: {show.input.xruns} xruns, {show.input.overflows} overflows, {show.input.losses} losses, "
        f"{show.analyzer.skipped_s:.1f} s not analyzed"
    )
    if (late := show.outputs.latency(0.95)) is not None:
        console.print(f"sound to picture: p95 {1000 * late:.0f} ms")
    for each in queued:
        reason = f": {each.reason}" if each.reason else ""
        console.print(f"{each.name}: {each.written} pictures, {each.dropped} dropped{reason}")
    if show.score and (count := _write_score(show, queued)):
        console.print(f"{show.score.path}: {count} shots")


def _write_score(show: LiveShow, queued: Sequence[QueuedOutput]) -> int:
    """Put the score beside a finished recording; how many shots it has, 0 where nothing was recorded."""
    begins = next((each.begins for each in queued if each.kind == "record"), None)
    return show.score.save(begins) if show.score and begins is not None else 0
