"""MIDI: real messages over a socket and over JACK, every command of a controller, the error without any."""

import functools
import importlib
import shutil
import subprocess
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.control import midi
from engine.control.commands import Command, ControlState
from engine.control.midi import MidiInput, MidiMap, read_control
from engine.errors import DeviceError, MissingExtra, UsageError
from engine.files import suppress_stderr
from tests.conftest import Ran
from tests.engine.control.conftest import until

mido = pytest.importorskip("mido", reason="needs the control extra")
sockets = pytest.importorskip("mido.sockets")
rtmidi = pytest.importorskip("rtmidi", reason="needs the control extra")

MAP = {
    "ch1 cc7": "react",
    "ch1 cc8": "flashes",
    "ch1 cc9": "nudge",
    "ch1 cc10": "seed",
    "ch1 cc11": "hold",
    "ch10 note36": "next",
    "ch10 note37": "blackout",
    "ch10 note38": "style oil painting",
    "ch10 note39": "generator shader",
    "ch10 note40": "tap",
    "ch10 note41": "quit",
    "ch1 pitch": "nudge",
}
SENT: list[tuple[Any, Callable[[ControlState], bool]]] = [
    (mido.Message("control_change", control=7, value=127), lambda state: state.reaction == 2.0),
    (mido.Message("control_change", control=7, value=0), lambda state: state.reaction == 0.0),
    (mido.Message("control_change", control=8, value=42), lambda state: state.flashes == 1),
    (mido.Message("control_change", control=10, value=127), lambda state: state.seed == 2**31 - 1),
    (mido.Message("control_change", control=11, value=100), lambda state: state.hold),
    (mido.Message("control_change", control=11, value=5), lambda state: not state.hold),
    (mido.Message("note_on", channel=9, note=36, velocity=90), lambda state: state.cuts == ["cut"]),
    (mido.Message("note_on", channel=9, note=37, velocity=1), lambda state: state.blackout),
    (mido.Message("note_on", channel=9, note=38, velocity=90), lambda state: state.style == "oil painting"),
    (mido.Message("note_on", channel=9, note=39, velocity=90), lambda state: state.cuts == ["cut", "shader"]),
    (mido.Message("note_on", channel=9, note=40, velocity=90), lambda state: state.tempo.taps == [12.0]),
    (mido.Message("pitchwheel", pitch=8191), lambda state: state.tempo.offset_s == pytest.approx(0.2)),
    (mido.Message("note_on", channel=9, note=41, velocity=90), lambda state: state.quit),
]


def over_a_socket() -> tuple[Any, Callable[[Callable[[Any], None]], Any]]:
    """A mido output, and what opens the input that it feeds: bytes on a wire, parsed by mido."""
    server = sockets.PortServer("127.0.0.1", 0)
    number = server._socket.getsockname()[1]
    output = sockets.connect("127.0.0.1", number)
    source = server.accept()

    class Port:
        def __init__(self, on_message: Callable[[Any], None]) -> None:
            self.thread = threading.Thread(target=lambda: [on_message(message) for message in source], daemon=True)
            self.thread.start()

        def close(self) -> None:
            output.close()
            server.close()

    return output, Port


async def test_every_command_can_be_sent_by_a_controller(state: ControlState) -> None:
    output, opened = over_a_socket()
    async with MidiInput(opened, MidiMap(MAP), state):
        for message, done in SENT:
            output.send(message)
            await until(lambda done=done: done(state))


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A port of another program on a JACK server of our own: rtmidi's own ports, where a kernel has no sequencer."""
    if not shutil.which("jackd") or rtmidi.API_UNIX_JACK not in rtmidi.get_compiled_api():
        pytest.skip("jackd is not installed")
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "aimvtest")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    server = subprocess.Popen(
        ["jackd", "--no-realtime", "--no-mlock", "--name", "aimvtest", "-d", "dummy"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    jack = mido.Backend("mido.backends.rtmidi", api="UNIX_JACK")
    port = None
    try:
        ends = time.monotonic() + 20.0
        while port is None:
            try:
                with suppress_stderr():
                    port = jack.open_output("pads", virtual=True, client_name="nanoKONTROL")
            except Exception:  # noqa: BLE001 - rtmidi's errors share no base
                assert server.poll() is None and time.monotonic() < ends, "JACK does not start"
                time.sleep(0.1)
        yield port
        port.close()
    finally:
        server.terminate()
        server.wait()


async def test_every_command_over_the_ports_of_another_program(controller: Any, state: ControlState) -> None:
    name = midi.find_port("kontrol")
    assert name == "nanoKONTROL:pads"
    async with MidiInput(functools.partial(midi.open_input, name), MidiMap(MAP), state):
        for message, done in SENT:
            controller.send(message)
            await until(lambda done=done: done(state))


def test_a_knob_that_is_moved_is_learnt(
    controller: Any, aimv: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIMV_CONFIG", str(tmp_path / "config.toml"))
    ending = threading.Event()

    def move() -> None:
        value = 0
        while not ending.wait(0.1):
            value = (value + 8) % 128
            controller.send(mido.Message("control_change", channel=2, control=21, value=value))

    moving = threading.Thread(target=move)
    moving.start()
    try:
        ran = aimv("learn", "react", "--midi", "nano")
    finally:
        ending.set()
        moving.join()
    assert ran.status == 0, ran.err
    assert tomllib.loads((tmp_path / "config.toml").read_text())["midi"] == {"ch3 cc21": "react"}


async def test_unmapped_controls_and_note_offs_are_ignored(state: ControlState) -> None:
    port = MidiInput(lambda on_message: None, MidiMap(MAP), state)
    for message in (
        mido.Message("note_off", channel=9, note=36),
        mido.Message("note_on", channel=9, note=36, velocity=0),
        mido.Message("note_on", channel=0, note=36, velocity=90),
        mido.Message("control_change", control=99, value=127),
        mido.Message("clock"),
        mido.Message("sysex", data=[1, 2, 3]),
        mido.Message("program_change", program=3),
    ):
        port.receive(message)
    assert (state.applied, state.refused) == (0, 0)


async def test_a_pad_is_pressed_once_and_a_button_on_a_controller_acts_on_its_way_down(state: ControlState) -> None:
    port = MidiInput(lambda on_message: None, MidiMap({"ch1 cc20": "next"}), state)
    for value in (0, 127, 127, 0, 127):
        port.receive(mido.Message("control_change", control=20, value=value))
    assert state.cuts == ["cut", "cut"]


async def test_any_bytes_at_all_leave_the_show_alone(state: ControlState) -> None:
    parser, port = mido.Parser(), MidiInput(lambda on_message: None, MidiMap(MAP), state)
    parser.feed(bytes(range(256)) * 20)
    for message in parser:
        port.receive(message)
    assert 0.0 <= state.reaction <= 2.0


def test_no_style_at_all_is_a_style() -> None:
    assert MidiMap({"ch1 note3": "style"}).command("ch1 note3", 1.0) == Command("style", "")


@pytest.mark.parametrize(
    ("mapping", "why"),
    [
        ({"cc7": "react"}, "ch1 cc7"),
        ({"ch17 cc7": "react"}, "ch1 cc7"),
        ({"ch1 cc128": "react"}, "ch1 cc7"),
        ({"ch1 cc7": "reakt"}, "did you mean react?"),
        ({"ch1 note3": "react 7"}, "from 0 to 2"),
    ],
)
def test_an_invalid_map_is_an_error_with_the_reason(mapping: dict[str, str], why: str) -> None:
    with pytest.raises(UsageError, match=why.replace("?", r"\?")):
        MidiMap(mapping)


def test_names_of_controls() -> None:
    assert read_control(mido.Message("control_change", channel=1, control=7, value=127)) == ("ch2 cc7", 1.0)
    assert read_control(mido.Message("pitchwheel", pitch=-8192)) == ("ch1 pitch", 0.0)
    assert read_control(mido.Message("clock")) is None


def test_missing_midi_is_an_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __init__(self, name: str = "", api: str | None = None) -> None:
            self.api = api

        Backend: Any

        def get_input_names(self) -> list[str]:
            if self.api:
                raise SystemError("MidiInJack::initialize: JACK server not running?")
            raise SystemError("MidiInAlsa::initialize: error creating ALSA sequencer client object.")

    Broken.Backend = Broken

    monkeypatch.setattr(midi, "load_mido", lambda: Broken)
    with pytest.raises(DeviceError, match=r"no MIDI \(error creating ALSA.*snd-seq, or start JACK"):
        midi.list_ports()


def test_which_port_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(midi, "list_ports", lambda: ["nanoKONTROL2 MIDI 1", "Launchpad A", "Launchpad B"])
    assert midi.find_port("nano") == "nanoKONTROL2 MIDI 1"
    with pytest.raises(UsageError, match=r"several.*Launchpad A"):
        midi.find_port("launch")
    with pytest.raises(UsageError, match=r"no MIDI input is.*there are 'nano"):
        midi.find_port("Oxygen")


def test_without_rtmidi_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingExtra, match="'control'"):
        midi.list_ports()
