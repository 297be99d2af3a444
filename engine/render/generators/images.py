"""What a scene's image and audio inputs hold: the palette, a picture in its colours, a file, a quiet spectrum."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import RenderError
from engine.messages import Job
from engine.render.palette import ROWS, STEPS, ramps

Image = NDArray[np.uint8]  # height x width x 3, RGB, bottom row first, as OpenGL has it

_BINS = 256


def of_input(name: str, kind: str, job: Job) -> Image:
    """The picture for the input `name` of the ISF type `kind`.

    Clips are drawn before their moment, so audio inputs hold what any music looks like at rest: a level waveform, a
    spectrum that falls towards the highs. The reaction to the music is laid over the clip as it is shown.
    """
    if name == "ramp":
        return ramps(job.palette)
    if kind == "audio":
        return np.full((1, _BINS, 3), 128, np.uint8)
    if kind == "audioFFT":
        falling = 160.0 * np.exp(-np.linspace(0.0, 4.0, _BINS))
        return np.repeat(falling.astype(np.uint8)[None, :, None], 3, axis=2)
    return _picture(job)


def of_file(path: Path) -> Image:
    """The picture in `path`.

    Raises:
        RenderError: not a picture that can be read.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise RenderError(f"{path.name}: not a picture that can be read")
    return np.ascontiguousarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)[::-1], dtype=np.uint8)


def _picture(job: Job) -> Image:
    """For scenes that change a picture: soft clouds in the palette's colours, the seed's own."""
    random = np.random.default_rng(abs(job.seed))
    clouds = [cv2.GaussianBlur(random.random((90, 160)).astype(np.float32), (0, 0), size) for size in (4.0, 9.0)]
    light, row = (cv2.normalize(cloud, None, 0.0, 1.0, cv2.NORM_MINMAX) for cloud in clouds)
    colours = ramps(job.palette)
    return np.asarray(colours[(row * 0.6 * (ROWS - 1)).astype(int), (light * (STEPS - 1)).astype(int)], dtype=np.uint8)
