"""Presets of CogVideoX: how many steps, how many of them guided, which optimizations.

The work of a preset is counted in passes of the transformer over one clip. A step with guidance costs two (with the
prompt and without), a step without it costs one; classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598)
matters most in the first steps, which settle the layout of the frame.
"""

from typing import Literal

import msgspec

from engine.errors import UsageError
from engine.generators.base import Level

Cache = Literal["", "pyramid", "faster"]
Precision = Literal["", "fp8", "int8"]


class Preset(msgspec.Struct, frozen=True):
    """One preset."""

    name: str
    steps: int  # of denoising
    guided_share: float = 1.0  # share of the steps, from the first on, that are guided
    guidance: float = 6.0  # weight of the prompt in a guided step
    scale: float = 1.0  # of the model's own width and height
    attention: tuple[str, ...] = ()  # names of diffusers' attention backends; the first that is installed is used
    cache: Cache = ""  # across steps: Pyramid Attention Broadcast (arXiv:2408.12588), FasterCache (arXiv:2410.19355)
    precision: Precision = ""  # of the transformer's matrices, by torchao; "" for the model's own
    compiled: bool = False  # by torch.compile, on a GPU
    tiled: bool = False  # decode in tiles: slower, in less memory
    overlap: bool = True  # denoise the next clip while this one is decoded: faster, in more memory
    offload: bool = False  # move the text encoder to the CPU while it is not needed

    @property
    def guided_steps(self) -> int:
        """Number of guided steps."""
        return round(self.guided_share * self.steps)

    @property
    def passes(self) -> int:
        """Passes of the transformer over one clip."""
        return self.steps + self.guided_steps

    @property
    def work(self) -> float:
        """Estimated work, with decoding, in passes over a clip of the 2B model's own size."""
        area = self.scale**2
        one_pass = (1 - _ATTENTION_SHARE) * area + _ATTENTION_SHARE * area**2
        return self.passes * one_pass * (_CACHED_SHARE if self.cache else 1.0) + _DECODE_PASSES * area


DEFAULT_PRESET = "balanced"
_DECODE_PASSES = 2.6  # cost of decoding a clip of 49 frames by the 2B model, in passes
_ATTENTION_SHARE = 0.6  # of a pass: attention grows with the square of the number of tokens
_CACHED_SHARE = 0.75  # of a clip's work that remains where attention is cached across steps
_FAST = ("sage", "_flash_3")
PRESETS = {
    preset.name: preset
    for preset in (
        Preset("quality", steps=50),
        Preset("balanced", steps=20, guided_share=0.5, attention=_FAST, cache="pyramid", compiled=True),
        Preset("live", steps=8, guided_share=0.25, attention=_FAST, precision="fp8", compiled=True),
        Preset("draft", steps=8, guided_share=0.25, scale=2 / 3, attention=_FAST, precision="fp8", compiled=True),
        Preset("24gb", 30, attention=_FAST, cache="faster", precision="int8", tiled=True, overlap=False, offload=True),
    )
}
LEVELS = tuple(
    Level(name, PRESETS[name].work / PRESETS["quality"].work) for name in ("quality", "balanced", "live", "draft")
)


def find_preset(name: str) -> Preset:
    """The preset called `name`, "" for the default.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return PRESETS[name or DEFAULT_PRESET]
    except KeyError:
        raise UsageError(f"no preset is called {name!r}; there are {', '.join(PRESETS)}", option="preset") from None
