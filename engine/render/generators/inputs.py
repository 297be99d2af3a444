"""What a scene's inputs are set to: colours of the palette, numbers that the seed and the content vary."""

import hashlib
from typing import Any

from engine.messages import Job
from engine.render import isf
from engine.render.palette import parse_hex


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
