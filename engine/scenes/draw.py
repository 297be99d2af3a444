"""Clips from GLSL scenes: drawn headless by EGL, chosen by the job's words, coloured by its palette.

A scene in front of another, as the sentence says: the foreground sharp, the background dim and out of focus.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import moderngl
import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import Cancelled, ModelError, RenderError
from engine.render.job import Job
from engine.scenes import isf, uniforms
from engine.scenes.gl import Canvas, Program, Stage
from engine.scenes.selection import select_scene
from engine.types import Frame

DISTANCE = 4  # the background is drawn so many times smaller: out of focus, and nearly free
_DIM = 0.75
_CLEAR, _EDGE, _LEAST = 0.55, 1.25, 0.1  # half axes from which the foreground fades, to which, and what is left there


def background_size(width: int, height: int) -> tuple[int, int]:
    """The size in pixels at which the background of a picture is drawn."""
    return max(16, width // DISTANCE), max(16, height // DISTANCE)


class Depth:
    """Lays a foreground over a background; both RGB, uint8, the foreground `height` x `width`."""

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._front = _shades(1.0 - (1.0 - _LEAST) * _far(width, height))
        self._behind = _shades(_DIM * (1.0 - _LEAST) * _far(*background_size(width, height)))

    def lay(self, foreground: Frame, background: Frame) -> Frame:
        """One picture of the two; the foreground's size."""
        dimmed = cv2.multiply(cv2.GaussianBlur(background, (0, 0), 1.0), self._behind, scale=1.0 / 255.0)
        blurred = cv2.resize(dimmed, self._size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.add(cv2.multiply(foreground, self._front, scale=1.0 / 255.0), blurred), dtype=np.uint8)


def _far(width: int, height: int) -> NDArray[np.float32]:
    """How far each pixel has gone from the foreground to the background, 0 to 1."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    radius = np.hypot((2 * x + 1) / width - 1, (2 * y + 1) / height - 1)
    gone = np.clip((radius - _CLEAR) / (_EDGE - _CLEAR), 0.0, 1.0)
    return np.asarray(gone * gone * (3.0 - 2.0 * gone), dtype=np.float32)


def _shades(share: NDArray[np.float32]) -> Frame:
    """The share of each pixel as grey."""
    return np.repeat(np.round(255.0 * share).astype(np.uint8)[..., None], 3, axis=2)


LEAST_HIGH = 270  # pixels: soft scenes are drawn half as high as they are shown, but no lower than this
HALF = "half"  # the preset that draws half as wide and high, for machines that cannot keep up with the show
SCENES = Path(__file__).parent / "library"


class ShaderGenerator:
    """Draws ISF scenes. A job gives the same frames every time on the same GL driver."""

    def __init__(self, *folders: Path) -> None:
        """Open a GL context without a window and read the scenes (`*.fs`) in `folders`, AIMV's own if none is given.

        Of two scenes with one name the later folder's is taken. Files that are not ISF or do not compile are left out;
        `refused` says which and why, a line each.

        Raises:
            ModelError: no OpenGL through EGL on this machine.
            RenderError: there is no scene that can be drawn.
        """
        try:
            headless: Any = {"backend": "egl"}
            self._gl = moderngl.create_context(standalone=True, **headless)
        except Exception as error:  # noqa: BLE001 - moderngl raises bare Exception
            raise ModelError(
                f"no OpenGL without a screen ({error}): install Debian's libegl1 and libgl1-mesa-dri"
            ) from None
        self._canvas = Canvas(self._gl)
        self._programs: dict[str, tuple[Program, ...]] = {}
        folders = folders or (SCENES,)
        scenes, refused = {}, []
        for path in {path.name: path for folder in folders for path in sorted(folder.glob("*.fs"))}.values():
            try:
                scene = isf.load(path)
                with self._gl:
                    self.programs(scene)
                for picture in scene.images.values():
                    uniforms.of_file(picture)
                scenes[scene.name] = scene
            except RenderError as error:
                refused.append(str(error))
        if not scenes:
            raise RenderError(refused[0] if refused else f"{folders[-1]}: no scenes (*.fs) there")
        self.scenes, self.refused = tuple(scenes[name] for name in sorted(scenes)), tuple(refused)

    @property
    def renderer(self) -> str:
        """What draws, for example "llvmpipe (LLVM 15.0.6, 256 bits)"."""
        return str(self._gl.info["GL_RENDERER"])

    def render(self, job: Job, cancelled: Callable[[], bool], progress: Callable[[float], None]) -> "SceneFrames":
        """Begin `job`; its frames are drawn as they are taken.

        Raises:
            RenderError: the chosen scene does not compile (the message has the file's own line), or the job has an
                impossible length, size or colour, or a preset that is not of this generator.
        """
        if job.preset not in ("", HALF):
            raise RenderError(f"the shader generator has no preset {job.preset!r}, only {HALF!r}")
        if not (job.seconds > 0 and job.fps > 0 and math.isfinite(job.seconds * job.fps)):
            raise RenderError(f"a clip of {job.seconds} s at {job.fps} frames per second cannot be drawn")
        if not (1 <= job.width <= 16384 and 1 <= job.height <= 16384):
            raise RenderError(f"{job.width}x{job.height} is not a size that can be drawn")
        if job.preset == HALF:
            job = msgspec.structs.replace(job, width=max(2, job.width // 4 * 2), height=max(2, job.height // 4 * 2))
        scene = select_scene(self.scenes, job.keywords, job.seed)
        if scene.soft:
            width, height = soft_size(job.width, job.height)
            job = msgspec.structs.replace(job, width=width, height=height)
        others = [each for each in self.scenes if each is not scene]
        behind = select_scene(others, job.background, job.seed) if job.background and others else None
        with self._gl:
            layers = [(each, self.programs(each)) for each in (scene, behind) if each]
        return SceneFrames(self._canvas, layers, job, cancelled)

    def programs(self, scene: isf.Scene) -> tuple[Program, ...]:
        """The compiled scene, a program a pass; compiled once.

        Raises:
            RenderError: it does not compile; the message names the scene, the line and the compiler's reason.
        """
        if scene.name not in self._programs:
            passes = range(len(scene.passes))
            try:
                self._programs[scene.name] = tuple(
                    self._gl.program(vertex_shader=scene.vertex(number), fragment_shader=scene.fragment(number))
                    for number in passes
                )
            except moderngl.Error as error:
                raise RenderError(f"{scene.name}: {isf.compiler_reason(str(error))}") from None
        return self._programs[scene.name]

    def close(self) -> None:
        """Release the GL context."""
        self._gl.release()


class SceneFrames:
    """The frames of one job, drawn one at a time: a scene, in front of another where the job has a background."""

    overlappable = False

    def __init__(
        self,
        canvas: Canvas,
        layers: Sequence[tuple[isf.Scene, tuple[Program, ...]]],
        job: Job,
        cancelled: Callable[[], bool],
    ) -> None:
        self.fps = job.fps
        self.count = max(1, round(job.seconds * job.fps))
        self.scene = layers[0][0]
        self._canvas, self._layers, self._job, self._cancelled = canvas, layers, job, cancelled

    def __iter__(self) -> Iterator[Frame]:
        jobs, stages = [self._job, _behind(self._job)], list[Stage]()
        depth = Depth(self._job.width, self._job.height) if len(self._layers) > 1 else None
        try:
            with self._canvas.gl:
                for (scene, programs), job in zip(self._layers, jobs, strict=False):
                    stages.append(Stage(self._canvas, programs, scene, job))
            for index in range(self.count):
                if self._cancelled():
                    raise Cancelled
                with self._canvas.gl:
                    front, *behind = (stage.draw(index) for stage in stages)
                yield depth.lay(front, behind[0]) if depth else front
        finally:
            with self._canvas.gl:
                for stage in stages:
                    stage.release()


def soft_size(width: int, height: int) -> tuple[int, int]:
    """The size in pixels at which a soft scene is drawn to be shown at `width` x `height`."""
    high = max(height / 2, min(height, LEAST_HIGH))
    return max(2, round(width * high / height / 2) * 2), max(2, round(high / 2) * 2)


def _behind(job: Job) -> Job:
    """The job of the background: its own words, fewer pixels."""
    width, height = background_size(job.width, job.height)
    return msgspec.structs.replace(job, keywords=job.background, width=width, height=height)


def scenes_digest(*folders: Path) -> str:
    """What the scenes in `folders` (AIMV's own if none is given) are, hex: it changes when one of their files does.

    As a job's `model` it keeps clips of scenes that have changed from being shown again.
    """
    digest = hashlib.sha256()
    for folder in folders or (SCENES,):
        for path in sorted(each for each in folder.iterdir() if each.is_file()):
            digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
