"""Prompt expansion: a shot's sentence becomes the descriptive paragraph that CogVideoX is trained on.

Its training captions describe subject, motion, light, camera and texture, and it follows keywords poorly. The added
sentences depend on the job alone and do not contradict its own; the closing one is the same for all shots, so that
they look like one film.
"""

import colorsys
from collections.abc import Callable

from engine.render.protocol import Job

_PARAGRAPH_WORDS = 60  # a prompt of so many words is not expanded
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
_CLOSING = "A cinematic music video in one continuous shot, richly textured, with soft depth of field and fine detail."


def expand_prompt(job: Job, count: Callable[[str], int], limit: int) -> str:
    """The paragraph for `job`, of at most `limit` tokens as counted by `count`.

    The job's own prompt is never shortened, even if it alone is too long. Added sentences that do not fit are left out,
    the last first, and the closing one after all others.
    """
    if len(job.prompt.split()) >= _PARAGRAPH_WORDS:
        return job.prompt
    additions = [*_motion(job), _light(job), _CAMERAS[job.seed % len(_CAMERAS)]]
    while True:
        paragraph = " ".join([job.prompt, *additions, _CLOSING])
        if count(paragraph) <= limit:
            return paragraph
        if not additions:
            return job.prompt
        additions.pop()


def _motion(job: Job) -> list[str]:
    """A sentence on the motion of the first keywords; none without keywords."""
    words = job.keywords[:3]
    if not words:
        return []
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    return [f"Forms that suggest {listed} {_MOTIONS[job.seed // len(_CAMERAS) % len(_MOTIONS)]}."]


def _light(job: Job) -> str:
    """A sentence on the light: as warm and as bright as the palette's first colour."""
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
