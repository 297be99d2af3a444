"""Which generator to use, and making it by its name."""

import importlib.util
from pathlib import Path

import msgspec

from engine.errors import MissingExtra, ModelError, RenderError, UsageError
from engine.generators.base import Generator

_IMAGE_TO_VIDEO = "i2v"  # in the names of such models, where the model itself cannot be looked at
DEFAULT_COGVIDEOX = "zai-org/CogVideoX-2b"


class Choice(msgspec.Struct, frozen=True):
    """A generator, its model (a hub id or folder; for shader, which scenes there are), and why, in one sentence.

    `refused` names the files of the folder of scenes that cannot be drawn, and why, a line each.
    """

    generator: str
    model: str
    reason: str
    refused: tuple[str, ...] = ()
    continues: bool = False  # whether it can begin a clip with the last picture of another


def choose(wanted: str, model: str = "", elsewhere: bool = False, scenes: str = "") -> Choice:
    """Settle `wanted` ("auto", "shader" or "cogvideox") and `model` (hub id or folder, "" for the default).

    `scenes` is a folder of ISF files (*.fs) that the shader generator draws in place of AIMV's own; it asks for that
    generator.

    `auto` takes cogvideox where it runs in reasonable time (torch with CUDA, diffusers, the model here), or where
    rendering is done `elsewhere`, on other hosts; else shader.

    Raises:
        MissingExtra: cogvideox was asked for and its packages are not installed.
        ModelError: cogvideox was asked for and the model is not on this machine.
        UsageError: there is no such generator, or nothing in `scenes` that can be drawn.
    """
    if scenes:
        if wanted == "cogvideox":
            raise UsageError("a folder of scenes is for the shader generator: leave out --scenes, or cogvideox")
        return _with_scenes(Path(scenes))
    if wanted == "shader":
        return Choice("shader", _scenes(), "shader was asked for")
    if elsewhere and wanted in ("auto", "cogvideox"):
        model = model or DEFAULT_COGVIDEOX
        return Choice("cogvideox", model, "cogvideox, on another host", continues=_IMAGE_TO_VIDEO in model.lower())
    if wanted == "cogvideox":
        continues = _check_cogvideox(model or DEFAULT_COGVIDEOX)
        return Choice("cogvideox", model or DEFAULT_COGVIDEOX, "cogvideox was asked for", continues=continues)
    if wanted != "auto":
        raise UsageError(f"no generator is called {wanted!r}; there are auto, shader, cogvideox")
    model = model or DEFAULT_COGVIDEOX
    if obstacle := _obstacle(model):
        return Choice("shader", _scenes(), f"shader, because {obstacle}")
    reason = f"cogvideox, because a CUDA device and the model {model} are there"
    return Choice("cogvideox", model, reason, continues=_check_cogvideox(model))


def make(name: str, model: str = "", index: int = 0) -> Generator:
    """The generator called `name`, with `model` loaded; run in the render process, the one of that index on its host.

    Raises:
        UsageError, MissingExtra: no such generator, or not installed.
        ModelError: the model cannot be loaded.
    """
    if name == "shader":
        from engine.scenes.draw import ShaderGenerator  # noqa: PLC0415 - starts a GL context's library

        _, _, folder = model.partition(" ")
        return ShaderGenerator(*([Path(folder)] if folder else []))
    if name == "cogvideox":
        _check_cogvideox(model or DEFAULT_COGVIDEOX)
        from engine.generators.cogvideox.generator import CogVideoXGenerator  # noqa: PLC0415 - imports torch

        return CogVideoXGenerator.of_model(model or DEFAULT_COGVIDEOX, index)
    if name == "fake":
        from engine.generators.fake import FakeGenerator  # noqa: PLC0415 - for tests

        return FakeGenerator(*(float(part) for part in (model or "0").split("+")))
    raise UsageError(f"no generator is called {name!r}; there are shader, cogvideox")


def _with_scenes(folder: Path) -> Choice:
    """The shader generator with a folder of scenes: its model is what they are and where they lie."""
    from engine.scenes.draw import ShaderGenerator, scenes_digest  # noqa: PLC0415 - loads OpenGL

    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}: give --scenes a folder of ISF files (*.fs)")
    try:
        drawing = ShaderGenerator(folder)
    except RenderError as error:
        raise UsageError(f"nothing in {folder} can be drawn: {error}") from error
    drawing.close()
    count = f"{len(drawing.scenes)} scene{'s' * (len(drawing.scenes) > 1)}"
    model = f"{scenes_digest(folder)} {folder.absolute()}"
    return Choice("shader", model, f"shader, with {count} from {folder}", drawing.refused)


def _scenes() -> str:
    """Which scenes there are, so that clips of a scene that was changed since are not reused."""
    from engine.scenes.draw import scenes_digest  # noqa: PLC0415 - loads OpenGL's bindings

    return scenes_digest()


def _missing_packages() -> list[str]:
    needed = ("torch", "diffusers", "transformers", "accelerate", "sentencepiece")
    return [package for package in needed if importlib.util.find_spec(package) is None]


def _check_cogvideox(model: str) -> bool:
    """Make sure, without loading anything, that the packages and the model are there; whether it is image-to-video."""
    if missing := _missing_packages():
        raise MissingExtra(f"the cogvideox generator ({', '.join(missing)} not installed)", "cogvideo")
    from engine.generators.cogvideox.check import IMAGE_TO_VIDEO, check  # noqa: PLC0415 - of the extra

    return check(model) == IMAGE_TO_VIDEO


def is_at_hand(model: str) -> bool:
    """Whether the packages for cogvideox and this model are on this machine."""
    try:
        _check_cogvideox(model)
    except (MissingExtra, ModelError):
        return False
    return True


def _obstacle(model: str) -> str:
    """What stands against cogvideox, "" if nothing does; the cheap questions first."""
    try:
        _check_cogvideox(model)
    except (MissingExtra, ModelError) as error:
        return str(error)
    import torch  # noqa: PLC0415 - seconds; only once it is likely to matter

    if not torch.cuda.is_available():
        return "there is no CUDA device"
    return ""
