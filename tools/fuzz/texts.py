"""Scores, scenes, keys and render messages to damage: each is read, or refused by its own error in one line."""

import functools
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from aimv.scorefile import Head, Score, read_score
from aimv.shots import Shot
from engine.errors import AimvError
from engine.messages import Job
from engine.render import isf, protocol
from engine.render.keys import make_keys, read_keys, read_public
from tools.fuzz.mutate import mutate

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
_SCENES = Path(isf.__file__).parent / "scenes"


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
    head = Head(1, "song.wav", "0" * 64, 2.0 * len(shots), "ink", 0)
    return "\n".join(json.dumps(msgspec.to_builtins(line)) for line in (head, *shots)).encode()


def _read_score(data: bytes, folder: Path) -> Score:
    path = folder / "a.score.jsonl"
    path.write_bytes(data)
    (folder / "song.wav").touch()
    return read_score(path)


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
            isf.size(expression, 640, 360, {})


def _message(rng: random.Random) -> bytes:
    job = Job("shader", "", "a wall", ("wall",), ("#ff0000",), rng.getrandbits(40), 640, 360, 24.0, 2.5)
    return protocol.encode(
        rng.choice(
            (
                protocol.Hello(1, 2, "shader", ""),
                protocol.Work(job),
                protocol.Piece(job.id, 0, rng.randbytes(50)),
                protocol.Done(job.id, 1.5, 50),
                protocol.Failed(job.id, "render", "no"),
                protocol.Progress(job.id, 0.5),
                protocol.Beat((job.id,)),
                protocol.Finishing(job.id),
            )
        )
    )


def _read_message(data: bytes, folder: Path) -> None:
    message = protocol.decode(data)
    if isinstance(message, protocol.Work):
        name = message.job.id
        if not (name.isalnum() and len(name) == 32):
            raise ValueError(f"a job's address that is none: {name!r}")


def _key(rng: random.Random) -> bytes:
    return _key_bytes()


@functools.cache
def _key_bytes() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        _, secret = make_keys(Path(folder), "me")
        return secret.read_bytes()


def _read_key(data: bytes, folder: Path) -> None:
    path = folder / "me.key_secret"
    path.write_bytes(data)
    read_keys(path)
    read_public(path)


CASES: dict[str, Callable[[int, Path], str]] = {
    "score": functools.partial(case, _read_score, _score, "score"),
    "scene": functools.partial(case, _read_scene, _scene, "scene"),
    "message": functools.partial(case, _read_message, _message, "message"),
    "key": functools.partial(case, _read_key, _key, "key"),
}
