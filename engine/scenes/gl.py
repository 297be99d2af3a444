"""One job on the device: its textures, buffers and uniforms, and the drawing of a frame pass by pass."""

from typing import Any

import cv2
import moderngl
import numpy as np

from engine.render.job import Job
from engine.scenes import isf, uniforms
from engine.scenes.uniforms import input_values
from engine.types import Frame

Program = Any  # moderngl.Program; its members are uniforms of many kinds


class Canvas:
    """A GL context and the triangle that covers a picture."""

    def __init__(self, gl: moderngl.Context) -> None:
        self.gl = gl
        self.corners = gl.buffer(np.array([-1, -1, 3, -1, -1, 3], dtype="f4").tobytes())


class Stage:
    """The textures, buffers and uniforms of one job."""

    def __init__(self, canvas: Canvas, programs: tuple[Program, ...], scene: isf.Scene, job: Job) -> None:
        """Make what `scene` needs for `job`; `programs` are its passes.

        Raises:
            RenderError: an impossible colour or pass size.
        """
        gl = canvas.gl
        self._gl, self._programs, self._scene, self._job = gl, programs, scene, job
        self._owned: list[Any] = []
        self._triangles = [self._own(gl.vertex_array(program, canvas.corners, "corner")) for program in programs]
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
                self._textures[item.name] = self._texture(uniforms.of_input(item.name, item.type, job))
        for name, path in scene.images.items():
            self._textures[name] = self._texture(uniforms.of_file(path))
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
            self._set("RENDERSIZE", (float(target.width), float(target.height)))
            target.use()
            target.clear()
            self._triangles[number].render()
            if buffer:
                buffer.swap()
            shown = buffer.front if buffer else self._picture
        if shown is not self._picture:
            self._gl.copy_framebuffer(self._picture, shown)
        data = self._picture.read(components=4)  # as it lies there: reading three of four takes six times as long
        upright = np.frombuffer(data, dtype=np.uint8).reshape(job.height, job.width, 4)[::-1]
        return np.asarray(cv2.cvtColor(upright, cv2.COLOR_RGBA2RGB), dtype=np.uint8)

    def release(self) -> None:
        """Give back everything on the device."""
        for each in reversed(self._owned):
            each.release()

    def _bind(self) -> None:
        textures = {**self._textures, **{name: buffer.texture for name, buffer in self._buffers.items()}}
        for unit, (name, texture) in enumerate(textures.items()):
            texture.use(unit)
            self._set(name, unit)

    def _set(self, name: str, value: Any) -> None:
        """Set a uniform; one that the compiler found unused does not exist."""
        for program in self._programs:
            if name in program:
                program[name] = value

    def _texture(self, image: uniforms.Image) -> moderngl.Texture:
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
