"""Clips from GLSL scenes: drawn headless by EGL, chosen by the job's words, coloured by its palette."""

import hashlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import moderngl
import numpy as np

from engine.errors import ModelError, RenderError
from engine.messages import Job
from engine.render import isf
from engine.render.choice import choose
from engine.render.generators import images
from engine.render.generators.base import Cancelled, Frame
from engine.render.palette import parse_hex

SCENES = Path(__file__).parent.parent / "scenes"


class ShaderGenerator:
    """Draws ISF scenes. A job gives the same frames every time on the same GL driver."""

    def __init__(self, folder: Path = SCENES) -> None:
        """Open a GL context without a window and read the scenes (`*.fs`) in `folder`.

        Files that are not ISF or do not compile are left out; `refused` says which and why, a line each.

        Raises:
            ModelError: no OpenGL through EGL on this machine.
            RenderError: no scene in `folder` can be drawn.
        """
        try:
            headless: Any = {"backend": "egl"}
            self._gl = moderngl.create_context(standalone=True, **headless)
        except Exception as error:  # noqa: BLE001 - moderngl raises bare Exception
            raise ModelError(
                f"no OpenGL without a screen ({error}): install Debian's libegl1 and libgl1-mesa-dri"
            ) from None
        corners = np.array([-1, -1, 3, -1, -1, 3], dtype="f4")  # one triangle that covers the picture
        self._corners = self._gl.buffer(corners.tobytes())
        self._programs: dict[str, moderngl.Program] = {}
        scenes, refused = [], []
        for path in sorted(folder.glob("*.fs")):
            try:
                scene = isf.load(path)
                with self._gl:
                    self.program(scene)
                for picture in scene.images.values():
                    images.of_file(picture)
                scenes.append(scene)
            except RenderError as error:
                refused.append(str(error))
        if not scenes:
            raise RenderError(refused[0] if refused else f"{folder}: no scenes (*.fs) there")
        self.scenes, self.refused = tuple(scenes), tuple(refused)

    @property
    def renderer(self) -> str:
        """What draws, for example "llvmpipe (LLVM 15.0.6, 256 bits)"."""
        return str(self._gl.info["GL_RENDERER"])

    def render(self, job: Job, cancelled: Callable[[], bool], progress: Callable[[float], None]) -> "ShaderRendering":
        """Begin `job`; its frames are drawn as they are taken.

        Raises:
            RenderError: the chosen scene does not compile (the message has the file's own line), or the job has an
                impossible length, size or colour.
        """
        if not (job.seconds > 0 and job.fps > 0 and math.isfinite(job.seconds * job.fps)):
            raise RenderError(f"a clip of {job.seconds} s at {job.fps} frames per second cannot be drawn")
        if not (1 <= job.width <= 16384 and 1 <= job.height <= 16384):
            raise RenderError(f"{job.width}x{job.height} is not a size that can be drawn")
        scene = choose(self.scenes, job.keywords, job.seed)
        with self._gl:
            program = self.program(scene)
        return ShaderRendering(_Canvas(self._gl, self._corners), program, scene, job, cancelled)

    def program(self, scene: isf.Scene) -> moderngl.Program:
        """The compiled scene; compiled once.

        Raises:
            RenderError: it does not compile; the message names the scene, the line and the compiler's reason.
        """
        if scene.name not in self._programs:
            try:
                program = self._gl.program(vertex_shader=scene.vertex, fragment_shader=scene.fragment)
            except moderngl.Error as error:
                raise RenderError(f"{scene.name}: {isf.compiler_reason(str(error))}") from None
            self._programs[scene.name] = program
        return self._programs[scene.name]

    def close(self) -> None:
        """Release the GL context."""
        self._gl.release()


class _Canvas(NamedTuple):
    gl: moderngl.Context
    corners: moderngl.Buffer  # of the triangle that covers the picture


class ShaderRendering:
    """The frames of one job, drawn one at a time."""

    def __init__(
        self, canvas: "_Canvas", program: Any, scene: isf.Scene, job: Job, cancelled: Callable[[], bool]
    ) -> None:
        self.fps = job.fps
        self.count = max(1, round(job.seconds * job.fps))
        self.scene = scene
        self._canvas, self._program, self._job, self._cancelled = canvas, program, job, cancelled

    def __iter__(self) -> Iterator[Frame]:
        with self._canvas.gl:
            stage = _Stage(self._canvas, self._program, self.scene, self._job)
        try:
            for index in range(self.count):
                if self._cancelled():
                    raise Cancelled
                with self._canvas.gl:
                    frame = stage.draw(index)
                yield frame
        finally:
            with self._canvas.gl:
                stage.release()


class _Stage:
    """The textures, buffers and uniforms of one job."""

    def __init__(self, canvas: "_Canvas", program: Any, scene: isf.Scene, job: Job) -> None:
        gl = canvas.gl
        self._gl, self._program, self._scene, self._job = gl, program, scene, job
        self._owned: list[Any] = []
        self._triangle = self._own(gl.vertex_array(program, canvas.corners, "corner"))
        self._picture = self._own(gl.simple_framebuffer((job.width, job.height), 4))
        values = input_values(scene, job)
        floats = {name: value for name, value in values.items() if isinstance(value, float)}
        self._buffers: dict[str, _Buffer] = {}
        for step in scene.passes:
            if step.target and step.target not in self._buffers:
                wide = isf.size(step.width, job.width, job.height, floats)
                high = isf.size(step.height, job.width, job.height, floats)
                self._buffers[step.target] = self._own(_Buffer(gl, (wide, high), step))
        self._textures: dict[str, moderngl.Texture] = {}
        for item in scene.inputs:
            if isf.UNIFORMS[item.type] == "sampler2D":
                self._textures[item.name] = self._texture(images.of_input(item.name, item.type, job))
        for name, path in scene.images.items():
            self._textures[name] = self._texture(images.of_file(path))
        for name, value in values.items():
            self._set(name, value)

    def draw(self, index: int) -> Frame:
        """Draw frame `index`; frames are drawn in order, because persistent buffers remember."""
        job = self._job
        self._set("TIME", index / job.fps)
        self._set("TIMEDELTA", 1.0 / job.fps)
        self._set("FRAMEINDEX", index)
        self._set("DATE", (2000.0, 1.0, 1.0, index / job.fps))
        shown = self._picture
        for number, step in enumerate(self._scene.passes):
            buffer = self._buffers.get(step.target)
            target = buffer.back if buffer else self._picture
            self._bind()
            self._set("PASSINDEX", number)
            self._set("RENDERSIZE", (float(target.width), float(target.height)))
            target.use()
            target.clear()
            self._triangle.render()
            if buffer:
                buffer.swap()
            shown = buffer.front if buffer else self._picture
        if shown is not self._picture:
            self._gl.copy_framebuffer(self._picture, shown)
        data = self._picture.read(components=3, alignment=1)
        upright = np.frombuffer(data, dtype=np.uint8).reshape(job.height, job.width, 3)[::-1]
        return np.ascontiguousarray(upright)

    def release(self) -> None:
        for each in reversed(self._owned):
            each.release()

    def _bind(self) -> None:
        textures = {**self._textures, **{name: buffer.texture for name, buffer in self._buffers.items()}}
        for unit, (name, texture) in enumerate(textures.items()):
            if name in self._program:
                texture.use(unit)
                self._set(name, unit)

    def _set(self, name: str, value: Any) -> None:
        """Set a uniform; one that the compiler found unused does not exist."""
        if name in self._program:
            self._program[name] = value

    def _texture(self, image: images.Image) -> moderngl.Texture:
        height, width = image.shape[:2]
        texture = self._gl.texture((width, height), 3, image.tobytes(), alignment=1)
        self._owned.append(texture)
        texture.repeat_x = texture.repeat_y = False
        return texture

    def _own(self, thing: Any) -> Any:
        self._owned.append(thing)
        return thing


class _Buffer:
    """A pass's buffer: what was drawn last is read (`texture`) while the next is drawn (`back`)."""

    def __init__(self, gl: moderngl.Context, wanted: tuple[int, int], step: isf.Pass) -> None:
        dtype = "f2" if step.floating else "f1"
        self._textures = [gl.texture(wanted, 4, dtype=dtype) for _ in range(2)]
        for texture in self._textures:
            texture.repeat_x = texture.repeat_y = False
        self._framebuffers = [gl.framebuffer([texture]) for texture in self._textures]
        for framebuffer in self._framebuffers:
            framebuffer.clear()
        self._shown = 0

    @property
    def texture(self) -> moderngl.Texture:
        return self._textures[self._shown]

    @property
    def front(self) -> moderngl.Framebuffer:
        return self._framebuffers[self._shown]

    @property
    def back(self) -> moderngl.Framebuffer:
        return self._framebuffers[1 - self._shown]

    def swap(self) -> None:
        self._shown = 1 - self._shown

    def release(self) -> None:
        for framebuffer in self._framebuffers:
            framebuffer.release()
        for texture in self._textures:
            texture.release()


def input_values(scene: isf.Scene, job: Job) -> dict[str, Any]:
    """What the scene's inputs are set to: colours from the palette in order, numbers varied by the seed in their range.

    A float with MIN and MAX lies within 40% of that range around its default, and always inside it.
    """
    palette = [tuple(parse_hex(colour)) for colour in job.palette] or [(0.5, 0.5, 0.5)]
    values: dict[str, Any] = {}
    colours = 0
    for item in scene.inputs:
        chance = _chance(job, item.name)
        match item.type:
            case "float":
                low = float(item.min) if item.min is not None else 0.0
                high = float(item.max) if item.max is not None else 1.0
                middle = float(item.default) if item.default is not None else (low + high) / 2
                varied = middle + (chance - 0.5) * 0.8 * (high - low)
                values[item.name] = min(high, max(low, varied))
            case "bool":
                values[item.name] = bool(item.default)
            case "event":
                values[item.name] = False
            case "long":
                choices = item.values
                values[item.name] = choices[int(chance * len(choices))] if choices else int(item.default or 0)
            case "point2D":
                values[item.name] = tuple(float(x) for x in item.default) if item.default else (0.0, 0.0)
            case "color":
                values[item.name] = (*palette[colours % len(palette)], 1.0)
                colours += 1
    return values


def _chance(job: Job, name: str) -> float:
    """A number in 0..1 that belongs to an input and to the seed and the content of a job, the same on every machine.

    A chorus that returns looks as it did; another content looks different even where seed and scene are the same.
    """
    digest = hashlib.sha256(f"{job.seed}:{job.palette}:{job.keywords}:{name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
