"""The library of scenes, and the drawing of one scene in front of another.

The foreground is sharp in the middle; around it lies the background, dimmed and out of focus.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from engine.errors import RenderError
from engine.render.job import Job
from engine.scenes import isf, uniforms
from engine.scenes.gl import GLContext, Program, SceneRenderer
from engine.scenes.selection import select_scene
from engine.types import Frame

LIBRARY = Path(__file__).parent / "library"
BACKGROUND_SCALE = 4  # the background is drawn so many times smaller: out of focus, and nearly free
MIN_SOFT_HEIGHT = 270  # pixels: soft scenes are drawn half as high as they are shown, but no lower than this
_BACKGROUND_LIGHT = 0.75
_FADE_START, _FADE_END = 0.55, 1.25  # where the foreground fades out, in half axes of the frame
_FOREGROUND_MIN = 0.1  # the weight it has from there on


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


class SceneLibrary:
    """The scenes (`*.fs`) of some folders, compiled on a GL context of their own."""

    def __init__(self, *folders: Path) -> None:
        """Open a GL context without a window and compile the scenes in `folders`, AIMV's own if none is given.

        Of two scenes with one name the later folder's is taken. Files that are not ISF or do not compile are left out;
        `skipped` says which and why, a line each.

        Raises:
            ModelError: no OpenGL through EGL on this machine.
            RenderError: there is no scene that can be drawn.
        """
        self.context = GLContext.headless()
        self._programs: dict[str, tuple[Program, ...]] = {}
        folders = folders or (LIBRARY,)
        scenes, skipped = {}, []
        for path in {path.name: path for folder in folders for path in sorted(folder.glob("*.fs"))}.values():
            try:
                scene = isf.load(path)
                self._programs[scene.name] = self.context.compile(scene)
                for image in scene.images.values():
                    uniforms.read_image(image)
                scenes[scene.name] = scene
            except RenderError as error:
                skipped.append(str(error))
        if not scenes:
            raise RenderError(skipped[0] if skipped else f"{folders[-1]}: no scenes (*.fs) there")
        self.scenes, self.skipped = tuple(scenes[name] for name in sorted(scenes)), tuple(skipped)

    def select(self, job: Job) -> tuple[isf.Scene, ...]:
        """The scene for the job's keywords and, if it has background words, another one behind it."""
        scene = select_scene(self.scenes, job.keywords, job.seed)
        others = [each for each in self.scenes if each is not scene]
        return (scene, select_scene(others, job.background, job.seed)) if job.background and others else (scene,)

    def renderer(self, scene: isf.Scene, job: Job) -> SceneRenderer:
        """The scene with the inputs of `job`, of its size. Raises RenderError: impossible colour or pass size."""
        return SceneRenderer(self.context, self._programs[scene.name], scene, job)

    def close(self) -> None:
        """Release the GL context."""
        self.context.gl.release()


@contextmanager
def open_layers(library: SceneLibrary, scenes: Sequence[isf.Scene], job: Job) -> Iterator[Callable[[int], Frame]]:
    """Draw `scenes` (see `SceneLibrary.select`) for `job`: call what it yields with 0, 1, 2, ... for the frames.

    Raises:
        RenderError: an impossible colour or pass size.
    """
    width, height = background_size(job.width, job.height)
    behind = msgspec.structs.replace(job, keywords=job.background, width=width, height=height)
    compositor = LayerCompositor(job.width, job.height) if len(scenes) > 1 else None
    renderers: list[SceneRenderer] = []

    def draw(index: int) -> Frame:
        with library.context.gl:
            foreground, *background = (renderer.draw(index) for renderer in renderers)
        return compositor.blend(foreground, background[0]) if compositor else foreground

    try:
        with library.context.gl:
            renderers += (library.renderer(*layer) for layer in zip(scenes, (job, behind), strict=False))
        yield draw
    finally:
        with library.context.gl:
            for renderer in renderers:
                renderer.release()


def scenes_digest(*folders: Path) -> str:
    """A digest of the files in `folders` (AIMV's own scenes if none is given), hex, for a job's `model`.

    It changes with any of the files, so that clips of a scene that has changed since are not reused.
    """
    digest = hashlib.sha256()
    for folder in folders or (LIBRARY,):
        for path in sorted(each for each in folder.iterdir() if each.is_file()):
            digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]
