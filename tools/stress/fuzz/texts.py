"""Fuzzing of scores, configs, scenes, keys, commands and messages: each is read, or rejected in one line."""

import functools
import hashlib
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
from pythonosc.osc_message_builder import OscMessageBuilder

from aimv.config import read_config
from aimv.fields import options_of
from aimv.language.score import Score, ScoreHeader, Shot
from aimv.options import LiveControl, Outputs, ShowSettings
from engine.audio.beats import Tempo
from engine.control.commands import COMMANDS, CommandRefused, ControlState
from engine.control.mqtt import decode_payload
from engine.control.osc import OscServer
from engine.errors import AimvError
from engine.render import protocol
from engine.render.auth import create_key_pair, read_key_pair, read_public_key
from engine.render.protocol import Job
from engine.scenes import isf
from tools.stress.fuzz.mutate import mutate

_WORDS = (
    "null",
    "-1",
    "1e999",
    "NaN",
    "[]",
    "{}",
    '""',
    "true",
    "9" * 400,
    "\x00",
    "\u202e",
    '"../../../etc/passwd"',
    "\n",
    "[" * 5000,
    '"' + "x" * 5000 + '"',
    '"\\u0000"',
    '"' + "(" * 5000 + '"',
)
_SCENES = Path(isf.__file__).parent / "library"


def case(read: Callable[[bytes, Path], object], make: Callable[[random.Random], bytes], name: str, number: int,
         folder: Path) -> str:  # fmt: skip
    """Read a damaged text or message: "read", "refused", or what is wrong."""
    rng = random.Random(f"{name}:{number}")
    data = make(rng)
    data = _edit(data, rng) if rng.random() < 0.5 else mutate(data, rng, len(data))
    try:
        read(data, folder)
    except AimvError as error:
        text = str(error)
        return "refused" if text and "\n" not in text and len(text) < 2000 else f"no single line: {text[:200]!r}"
    return "read"


def _edit(data: bytes, rng: random.Random) -> bytes:
    """A token of the text in place of which another value stands, as a person or a program may write it."""
    pieces = data.split(b":")
    index = rng.randrange(len(pieces))
    pieces[index] = rng.choice(_WORDS).encode() + pieces[index][-rng.randrange(1, 20) :]
    return b":".join(pieces)


def _score(rng: random.Random) -> bytes:
    shots = []
    for number in range(rng.randrange(1, 5)):
        shots.append(
            Shot(
                2.0 * number,
                2.0 * number + 2,
                "Kick hits.",
                "loud",
                None,
                ("kick", "bass", "tom"),
                ("canon", "deep", "bounce"),
                "red",
                "#ff0000",
                rng.randrange(9),
            )
        )
    head = ScoreHeader(1, "song.wav", hashlib.sha256(b"").hexdigest(), 2.0 * len(shots), "ink", 0)
    return "\n".join(json.dumps(msgspec.to_builtins(line)) for line in (head, *shots)).encode()


def _read_score(data: bytes, folder: Path) -> Score:
    path = folder / "a.score.jsonl"
    path.write_bytes(data)
    (folder / "song.wav").touch()
    return Score.load(path)


def _scene(rng: random.Random) -> bytes:
    return rng.choice(sorted(_SCENES.glob("*.fs"))).read_bytes()


def _read_scene(data: bytes, folder: Path) -> None:
    path = folder / "a.fs"
    path.write_bytes(data)
    (folder / "lib.glsl").write_bytes((_SCENES / "lib.glsl").read_bytes())
    scene = isf.load(path)
    inside = folder.resolve()
    if not all(picture.resolve().is_relative_to(inside) for picture in scene.images.values()):
        raise ValueError("a picture from outside the scene's folder")
    for number, step in enumerate(scene.passes):
        scene.fragment(number)
        for expression in (step.width, step.height):
            isf.pass_size(expression, 640, 360, {})


def _message(rng: random.Random) -> bytes:
    job = Job("shader", "", "a wall", ("wall",), ("#ff0000",), rng.getrandbits(40), 640, 360, 24.0, 2.5)
    return protocol.encode(
        rng.choice(
            (
                protocol.Hello(1, 2, "shader", ""),
                protocol.Assign(job),
                protocol.Chunk(job.id, 0, rng.randbytes(50)),
                protocol.Done(job.id, 1.5, 50),
                protocol.Failed(job.id, "render", "no"),
                protocol.Progress(job.id, 0.5),
                protocol.Heartbeat((job.id,)),
                protocol.Finishing(job.id),
            )
        )
    )


def _read_message(data: bytes, folder: Path) -> None:
    message = protocol.decode(data)
    if isinstance(message, protocol.Assign):
        name = message.job.id
        if not (name.isalnum() and len(name) == 32):
            raise ValueError(f"a job's address that is none: {name!r}")


def _key(rng: random.Random) -> bytes:
    return _key_bytes()


@functools.cache
def _key_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        _, secret = create_key_pair(Path(folder), "me")
        return secret.read_bytes()


def _read_key(data: bytes, folder: Path) -> None:
    path = folder / "me.key_secret"
    path.write_bytes(data)
    read_key_pair(path)
    read_public_key(path)


_CONFIG = """style = "ink: on paper"
fps = 30

[live]
input = "USB"
mqtt = "mqtts://vj@stage.local:8883/aimv"
stream = ["rtmp://tv.example:1935/app"]

[midi]
"ch1 cc7" = "react"
"ch1 note36" = "style oil: painting"
"""


def _config(rng: random.Random) -> bytes:
    return _CONFIG.encode()


def _read_config(data: bytes, folder: Path) -> None:
    path = folder / "config.toml"
    path.write_bytes(data)
    live = (*options_of(ShowSettings), *options_of(Outputs), *options_of(LiveControl))
    read_config(path, {"live": live, "play": options_of(ShowSettings)}).defaults()


_VALUES = ("", "on", "0", "1.5", "-200", "oil painting", "2147483647", "shader", "1e400", "nan", "\u202e", "x" * 5000)


def _command(rng: random.Random) -> bytes:
    return f"{rng.choice(list(COMMANDS))}:{rng.choice(_VALUES)}".encode()


def _state() -> ControlState:
    return ControlState(Tempo(), lambda: 1.0)


def _read_command(data: bytes, folder: Path) -> None:
    """As MQTT brings it: a name from the topic, which is text, and a payload of bytes."""
    name, _, payload = data.partition(b":")
    if reason := _state().dispatch(name.decode(errors="replace"), decode_payload(payload)):
        raise CommandRefused(reason)


def _packet(rng: random.Random) -> bytes:
    """An OSC message by the standard library for it."""
    message = OscMessageBuilder(address=f"/aimv/{rng.choice(list(COMMANDS))}")
    message.add_arg(rng.choice((1.5, -3, "oil painting", True)))
    return bytes(message.build().dgram)


def _read_packet(data: bytes, folder: Path) -> None:
    state = _state()
    OscServer("127.0.0.1", 0, state).datagram_received(data, None)
    if state.refused:
        raise CommandRefused(state.notice)


CASES: dict[str, Callable[[int, Path], str]] = {
    "score": functools.partial(case, _read_score, _score, "score"),
    "scene": functools.partial(case, _read_scene, _scene, "scene"),
    "config": functools.partial(case, _read_config, _config, "config"),
    "command": functools.partial(case, _read_command, _command, "command"),
    "packet": functools.partial(case, _read_packet, _packet, "packet"),
    "message": functools.partial(case, _read_message, _message, "message"),
    "key": functools.partial(case, _read_key, _key, "key"),
}
