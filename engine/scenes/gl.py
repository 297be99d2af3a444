"""Drawing of ISF scenes by OpenGL: one scene pass by pass, and one scene in front of another.

Of two scenes the foreground is sharp in the middle; around it lies the background, dimmed and out of focus.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import cv2
import moderngl
import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError, RenderError
from engine.render.protocol import Job
from engine.scenes import isf, uniforms
from engine.types import Frame

BACKGROUND_SCALE = 4  # the background is drawn so many times smaller: out of focus, and nearly free
MIN_SOFT_HEIGHT = 270  # pixels: soft scenes are drawn half as high as they are shown, but no lower than this
_BACKGROUND_LIGHT = 0.75
_FADE_START, _FADE_END = 0.55, 1.25  # where the foreground fades out, in half axes of the frame
_FOREGROUND_MIN = 0.1  # the weight it has from there on


class CompiledScene(NamedTuple):
    """A scene and its programs, one a pass."""

    scene: isf.Scene
    programs: tuple[Any, ...]  # moderngl.Program, whose members are uniforms of many kinds


class GLContext:
    """An OpenGL context without a window, by EGL, and the vertex buffer of a triangle that covers the viewport.

    Raises:
        ModelError: there is no OpenGL through EGL on this machine.
    """

    def __init__(self) -> None:
        try:
            backend: Any = {"backend": "egl"}
            self.gl = moderngl.create_context(standalone=True, **backend)
        except Exception as error:  # noqa: BLE001 - moderngl raises bare Exception
            raise ModelError(
                f"no OpenGL without a screen ({error}): install Debian's libegl1 and libgl1-mesa-dri"
            ) from None
        self.triangle = self.gl.buffer(np.array([-1, -1, 3, -1, -1, 3], dtype="f4").tobytes())

    def compile(self, scene: isf.Scene) -> CompiledScene:
        """Compile every pass of the scene.

        Raises:
            RenderError: it does not compile; the message names the scene, the line and the compiler's reason.
        """
        try:
            with self.gl:
                programs = tuple(
                    self.gl.program(vertex_shader=scene.vertex(number), fragment_shader=scene.fragment(number))
                    for number in range(len(scene.passes))
                )
                return CompiledScene(scene, programs)
        except moderngl.Error as error:
            raise RenderError(f"{scene.name}: {isf.compiler_error(str(error))}") from None


class SceneRenderer:
    """One scene with the inputs of one job, on the device; use it with the context current."""

    def __init__(self, context: GLContext, compiled: CompiledScene, job: Job) -> None:
        """Allocate what the scene needs for `job`, at the job's size.

        Raises:
            RenderError: an impossible colour or pass size.
        """
        gl, (scene, programs) = context.gl, compiled
        self._gl, self._programs, self._scene, self._job = gl, programs, scene, job
        self._resources: list[Any] = []
        self._triangles = [self._keep(gl.vertex_array(program, context.triangle, "corner")) for program in programs]
        self._output = self._keep(gl.simple_framebuffer((job.width, job.height), 4))
        values = uniforms.input_values(scene, job)
        floats = {name: value for name, value in values.items() if isinstance(value, float)}
        self._buffers: dict[str, _PassBuffer] = {}
        for step in scene.passes:
            if step.target and step.target not in self._buffers:
                width = isf.pass_size(step.width, job.width, job.height, floats)
                height = isf.pass_size(step.height, job.width, job.height, floats)
                self._buffers[step.target] = self._keep(_PassBuffer(gl, (width, height), step))
        self._textures: dict[str, moderngl.Texture] = {}
        for item in scene.inputs:
            if isf.UNIFORMS[item.type] == "sampler2D":
                self._textures[item.name] = self._texture(uniforms.input_image(item.name, item.type, job))
        for name, path in scene.images.items():
            self._textures[name] = self._texture(uniforms.read_image(path))
        for name, value in values.items():
            self._set(name, value)

    def draw(self, index: int) -> Frame:
        """Draw frame `index`; frames are drawn in order, because persistent buffers carry over."""
        job = self._job
        self._set("TIME", index / job.fps)
        self._set("TIMEDELTA", 1.0 / job.fps)
        self._set("FRAMEINDEX", index)
        self._set("DATE", (2000.0, 1.0, 1.0, index / job.fps))
        shown = self._output
        for number, step in enumerate(self._scene.passes):
            buffer = self._buffers.get(step.target)
            target = buffer.back if buffer else self._output
            self._bind_textures()
            self._set("RENDERSIZE", (float(target.width), float(target.height)))
            target.use()
            target.clear()
            self._triangles[number].render()
            if buffer:
                buffer.swap()
            shown = buffer.front if buffer else self._output
        if shown is not self._output:
            self._gl.copy_framebuffer(self._output, shown)
        data = self._output.read(components=4)  # all four: reading three of four takes six times as long
        upright = np.frombuffer(data, dtype=np.uint8).reshape(job.height, job.width, 4)[::-1]
        return np.asarray(cv2.cvtColor(upright, cv2.COLOR_RGBA2RGB), dtype=np.uint8)

    def release(self) -> None:
        """Free everything on the device."""
        for each in reversed(self._resources):
            each.release()

    def _bind_textures(self) -> None:
        textures = {**self._textures, **{name: buffer.texture for name, buffer in self._buffers.items()}}
        for unit, (name, texture) in enumerate(textures.items()):
            texture.use(unit)
            self._set(name, unit)

    def _set(self, name: str, value: Any) -> None:
        """Set a uniform; the compiler leaves out those that the shader does not use."""
        for program in self._programs:
            if name in program:
                program[name] = value

    def _texture(self, image: uniforms.Image) -> moderngl.Texture:
        height, width = image.shape[:2]
        texture = self._gl.texture((width, height), 3, image.tobytes(), alignment=1)
        self._keep(texture)
        texture.repeat_x = texture.repeat_y = False
        return texture

    def _keep(self, resource: Any) -> Any:
        """Have `release` free the resource."""
        self._resources.append(resource)
        return resource


class _PassBuffer:
    """Double buffer of a pass: the texture of the front is read while the back is drawn."""

    def __init__(self, gl: moderngl.Context, size: tuple[int, int], step: isf.Pass) -> None:
        self._textures = [gl.texture(size, 4, dtype="f2" if step.floating else "f1") for _ in range(2)]
        self.front, self.back = (gl.framebuffer([texture]) for texture in self._textures)
        for texture, framebuffer in zip(self._textures, (self.front, self.back), strict=True):
            texture.repeat_x = texture.repeat_y = False
            framebuffer.clear()

    @property
    def texture(self) -> moderngl.Texture:
        return self._textures[0]

    def swap(self) -> None:
        self.front, self.back = self.back, self.front
        self._textures.reverse()

    def release(self) -> None:
        self.front.release()
        self.back.release()
        for texture in self._textures:
            texture.release()


def background_size(width: int, height: int) -> tuple[int, int]:
    """The size in pixels at which the background of a frame is drawn."""
    return max(16, width // BACKGROUND_SCALE), max(16, height // BACKGROUND_SCALE)


def soft_size(width: int, height: int) -> tuple[int, int]:
    """The size in pixels at which a soft scene is drawn to be shown at `width` x `height`."""
    high = max(height / 2, min(height, MIN_SOFT_HEIGHT))
    return max(2, round(width * high / height / 2) * 2), max(2, round(high / 2) * 2)


class LayerCompositor:
    """Blends a foreground over a background; both RGB, uint8, the foreground `height` x `width`."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._foreground_mask = _grey(1.0 - (1.0 - _FOREGROUND_MIN) * _fade(width, height))
        weight = _BACKGROUND_LIGHT * (1.0 - _FOREGROUND_MIN)
        self._background_mask = _grey(weight * _fade(*background_size(width, height)))

    def blend(self, foreground: Frame, background: Frame) -> Frame:
        """The blended frame, of the foreground's size; the background is of `background_size`."""
        dimmed = cv2.multiply(cv2.GaussianBlur(background, (0, 0), 1.0), self._background_mask, scale=1.0 / 255.0)
        blurred = cv2.resize(dimmed, self._size, interpolation=cv2.INTER_LINEAR)
        lit = cv2.multiply(foreground, self._foreground_mask, scale=1.0 / 255.0)
        return np.asarray(cv2.add(lit, blurred), dtype=np.uint8)


def _fade(width: int, height: int) -> NDArray[np.float32]:
    """How far each pixel has faded from foreground to background, 0 to 1."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    radius = np.hypot((2 * x + 1) / width - 1, (2 * y + 1) / height - 1)
    share = np.clip((radius - _FADE_START) / (_FADE_END - _FADE_START), 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share), dtype=np.float32)


def _grey(share: NDArray[np.float32]) -> Frame:
    """Shares of 0 to 1 as grey pixels."""
    return np.repeat(np.round(255.0 * share).astype(np.uint8)[..., None], 3, axis=2)


@contextmanager
def open_layers(context: GLContext, scenes: Sequence[CompiledScene], job: Job) -> Iterator[Callable[[int], Frame]]:
    """Draw one scene, or the first of two in front of the second: call what it yields with 0, 1, 2, ... for the frames.

    Raises:
        RenderError: an impossible colour or pass size.
    """
    width, height = background_size(job.width, job.height)
    behind = msgspec.structs.replace(job, keywords=job.background, width=width, height=height)
    compositor = LayerCompositor(job.width, job.height) if len(scenes) > 1 else None
    renderers: list[SceneRenderer] = []

    def draw(index: int) -> Frame:
        with context.gl:
            foreground, *background = (renderer.draw(index) for renderer in renderers)
        return compositor.blend(foreground, background[0]) if compositor else foreground

    try:
        with context.gl:
            renderers += (SceneRenderer(context, *layer) for layer in zip(scenes, (job, behind), strict=False))
        yield draw
    finally:
        with context.gl:
            for renderer in renderers:
                renderer.release()
