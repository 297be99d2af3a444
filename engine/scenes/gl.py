"""Rendering of one ISF scene by OpenGL: its framebuffers, textures and uniforms, drawn pass by pass."""

from typing import Any, Self

import cv2
import moderngl
import numpy as np

from engine.errors import ModelError, RenderError
from engine.render.job import Job
from engine.scenes import isf, uniforms
from engine.types import Frame

Program = Any  # moderngl.Program; its members are uniforms of many kinds


class GLContext:
    """An OpenGL context and the vertex buffer of a triangle that covers the viewport."""

    def __init__(self, gl: moderngl.Context) -> None:
        self.gl = gl
        self.triangle = gl.buffer(np.array([-1, -1, 3, -1, -1, 3], dtype="f4").tobytes())

    @classmethod
    def headless(cls) -> Self:
        """A context without a window, by EGL.

        Raises:
            ModelError: there is no OpenGL through EGL on this machine.
        """
        try:
            backend: Any = {"backend": "egl"}
            return cls(moderngl.create_context(standalone=True, **backend))
        except Exception as error:  # noqa: BLE001 - moderngl raises bare Exception
            raise ModelError(
                f"no OpenGL without a screen ({error}): install Debian's libegl1 and libgl1-mesa-dri"
            ) from None

    @property
    def renderer(self) -> str:
        """The driver's name, for example "llvmpipe (LLVM 15.0.6, 256 bits)"."""
        return str(self.gl.info["GL_RENDERER"])

    def compile(self, scene: isf.Scene) -> tuple[Program, ...]:
        """The compiled scene, a program a pass.

        Raises:
            RenderError: it does not compile; the message names the scene, the line and the compiler's reason.
        """
        try:
            with self.gl:
                return tuple(
                    self.gl.program(vertex_shader=scene.vertex(number), fragment_shader=scene.fragment(number))
                    for number in range(len(scene.passes))
                )
        except moderngl.Error as error:
            raise RenderError(f"{scene.name}: {isf.compiler_error(str(error))}") from None


class SceneRenderer:
    """One scene with the inputs of one job, on the device; use it with the context current."""

    def __init__(self, context: GLContext, programs: tuple[Program, ...], scene: isf.Scene, job: Job) -> None:
        """Allocate what `scene` needs for `job`; `programs` are its passes.

        Raises:
            RenderError: an impossible colour or pass size.
        """
        gl = context.gl
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
    """Double buffer of a pass: the front is read as a texture while the back is drawn."""

    def __init__(self, gl: moderngl.Context, size: tuple[int, int], step: isf.Pass) -> None:
        dtype = "f2" if step.floating else "f1"
        self._textures = [gl.texture(size, 4, dtype=dtype) for _ in range(2)]
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
