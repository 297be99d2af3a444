"""Grow a shot's sentence into the kind of prompt that video models are trained on: one long descriptive paragraph.

CogVideoX was trained on captions of a whole paragraph (subject, motion, light, camera, texture) and follows keywords
poorly. What is added depends on the job alone, says nothing that the sentence contradicts, and always closes alike,
so that the shots of a show look like one film.
"""

import colorsys
from collections.abc import Callable

from engine.render.job import Job

_LONG_WORDS = 60  # a prompt of so many words is a paragraph already
_CAMERAS = (
    "The camera glides slowly forward and never stops.",
    "The camera circles the scene in one slow arc.",
    "The camera rises gently while the scene opens below it.",
    "The camera holds still while everything else moves.",
    "The camera drifts sideways past layers of foreground and background.",
    "The camera pulls back slowly and shows more and more of the scene.",
)
_MOTIONS = (
    "grow out of one another in slow, continuous motion",
    "swell and settle as if they breathed",
    "break apart into particles and gather again",
    "ripple outward from the middle of the frame",
    "turn slowly in the air and catch the light",
    "fold into each other like cloth in water",
)
_CLOSE = "A cinematic music video in one continuous shot, richly textured, with soft depth of field and fine detail."


def grow(job: Job, count: Callable[[str], int], limit: int) -> str:
    """The paragraph for `job`, of at most `limit` tokens as told by `count`.

    The sentence itself is never cut here, even if it alone is too long; sentences that do not fit are left out from
    the end, the closing one last.
    """
    if len(job.prompt.split()) >= _LONG_WORDS:
        return job.prompt
    additions = [*_forms(job), _light(job), _CAMERAS[job.seed % len(_CAMERAS)]]
    while True:
        paragraph = " ".join([job.prompt, *additions, _CLOSE])
        if count(paragraph) <= limit:
            return paragraph
        if not additions:
            return job.prompt
        additions.pop()


def _forms(job: Job) -> list[str]:
    """What the picturable words do."""
    words = job.keywords[:3]
    if not words:
        return []
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return [f"Forms that suggest {listed} {_MOTIONS[job.seed // len(_CAMERAS) % len(_MOTIONS)]}."]


def _light(job: Job) -> str:
    """The light of the palette's first colour: how warm, how bright."""
    if not job.palette:
        return "The light is soft and even."
    red, green, blue = (part / 255 for part in bytes.fromhex(job.palette[0].removeprefix("#")))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    tone = "neutral" if saturation < 0.15 else "warm" if hue < 0.2 or hue > 0.85 else "cool"
    if lightness < 0.3:
        return f"The scene is dark, and {tone} light picks out its edges."
    if lightness > 0.7:
        return f"The scene is bright, filled with pale {tone} light."
    return f"Rich {tone} light falls from one side and leaves deep shadows on the other."
