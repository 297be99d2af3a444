"""What a scene's inputs are set to: colours of the palette, numbers that the seed and the content vary.

What a scene's image and audio inputs hold: the palette, a picture in its colours, a file, a quiet spectrum.
"""

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.colour import ROWS, STEPS, parse_hex, ramps
from engine.errors import RenderError
from engine.render.job import Job
from engine.scenes import isf


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


Image = NDArray[np.uint8]  # height x width x 3, RGB, bottom row first, as OpenGL has it

_BINS = 256


def input_image(name: str, kind: str, job: Job) -> Image:
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


def read_image(path: Path) -> Image:
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
