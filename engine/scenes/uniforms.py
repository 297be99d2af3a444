"""Values and textures for a scene's ISF inputs, from the palette, the seed and the keywords of a job."""

import hashlib
import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.colour import ROWS, STEPS, parse_hex, ramps
from engine.errors import RenderError
from engine.render.protocol import Job
from engine.scenes import isf


def input_values(scene: isf.Scene, job: Job) -> dict[str, Any]:
    """The values of the scene's inputs but images: colours from the palette in order, numbers varied by the seed.

    A float with MIN and MAX lies within 40% of that range around its default, and always inside it.
    """
    colours = itertools.cycle([tuple(parse_hex(colour)) for colour in job.palette] or [(0.5, 0.5, 0.5)])
    values: dict[str, Any] = {}
    for item in scene.inputs:
        random = _random(job, item.name)
        match item.type:
            case "float":
                low = float(item.min) if item.min is not None else 0.0
                high = float(item.max) if item.max is not None else 1.0
                middle = float(item.default) if item.default is not None else (low + high) / 2
                varied = middle + (random - 0.5) * 0.8 * (high - low)
                values[item.name] = min(high, max(low, varied))
            case "bool":
                values[item.name] = bool(item.default)
            case "event":
                values[item.name] = False
            case "long":
                choices = item.values
                values[item.name] = choices[int(random * len(choices))] if choices else int(item.default or 0)
            case "point2D":
                values[item.name] = tuple(float(x) for x in item.default) if item.default else (0.0, 0.0)
            case "color":
                values[item.name] = (*next(colours), 1.0)
    return values


def _random(job: Job, name: str) -> float:
    """A number in 0..1 for an input of a job, the same on every machine.

    The same content looks the same when it returns; another looks different even with the same seed and scene.
    """
    digest = hashlib.sha256(f"{job.seed}:{job.palette}:{job.keywords}:{name}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


Image = NDArray[np.uint8]  # height x width x 3, RGB, bottom row first, as OpenGL has it
_BINS = 256


def input_image(name: str, kind: str, job: Job) -> Image:
    """The texture for the input `name` of the ISF type `kind`.

    Clips are drawn ahead of playback, so audio inputs hold no sound: a flat waveform, a spectrum that falls with
    frequency. The compositor adds the reaction to the music.
    """
    if name == "ramp":
        return ramps(job.palette)
    if kind == "audio":
        return np.full((1, _BINS, 3), 128, np.uint8)
    if kind == "audioFFT":
        falling = 160.0 * np.exp(-np.linspace(0.0, 4.0, _BINS))
        return np.repeat(falling.astype(np.uint8)[None, :, None], 3, axis=2)
    return cloud_image(job)


def read_image(path: Path) -> Image:
    """The image in `path`.

    Raises:
        RenderError: not an image that can be read.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise RenderError(f"{path.name}: not an image that can be read")
    return np.ascontiguousarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)[::-1], dtype=np.uint8)


def cloud_image(job: Job) -> Image:
    """Soft clouds in the palette's colours, varied by the seed: the image for scenes that are filters."""
    rng = np.random.default_rng(abs(job.seed))
    clouds = [cv2.GaussianBlur(rng.random((90, 160)).astype(np.float32), (0, 0), size) for size in (4.0, 9.0)]
    light, row = (cv2.normalize(cloud, None, 0.0, 1.0, cv2.NORM_MINMAX) for cloud in clouds)
    colours = ramps(job.palette)
    return np.asarray(colours[(row * 0.6 * (ROWS - 1)).astype(int), (light * (STEPS - 1)).astype(int)], dtype=np.uint8)
