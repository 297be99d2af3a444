"""How much work a clip is given: named presets, each a row of what it turns on.

The work of a preset is counted in passes of the transformer over one clip. A step with guidance costs two (with the
prompt and without), a step without costs one; classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598)
matters most in the first steps, where the picture's layout is settled. docs/rendering.md shows the table.
"""

from typing import Literal

import msgspec

from engine.errors import UsageError
from engine.generators.base import Level

Cache = Literal["", "pyramid", "faster"]
Precision = Literal["", "fp8", "int8"]


class Preset(msgspec.Struct, frozen=True):
    """A row of the table."""

    name: str
    steps: int  # of denoising
    guided: float = 1.0  # share of the steps, the first ones, that are guided
    guidance: float = 6.0  # weight of the prompt in a guided step
    scale: float = 1.0  # of the model's own width and height
    attention: tuple[str, ...] = ()  # diffusers' names of attention kernels, the first that is installed is taken
    cache: Cache = ""  # across steps: Pyramid Attention Broadcast (arXiv:2408.12588), FasterCache (arXiv:2410.19355)
    precision: Precision = ""  # of the transformer's matrices, by torchao where it is installed; "" for the model's own
    compiled: bool = False  # by torch.compile, on a GPU
    tiled: bool = False  # decodes the picture in tiles: slower, in less memory
    overlapped: bool = True  # the next clip is denoised while this one is decoded: faster, in more memory
    offload: bool = False  # keeps the text encoder off the GPU while it is not needed

    @property
    def guided_steps(self) -> int:
        """How many steps are guided."""
        return round(self.guided * self.steps)

    @property
    def passes(self) -> int:
        """Passes of the transformer over one clip."""
        return self.steps + self.guided_steps

    @property
    def work(self) -> float:
        """Roughly the preset's work in passes over a clip of the 2B model's own size, with decoding."""
        area = self.scale**2
        one_pass = (1 - _ATTENDING) * area + _ATTENDING * area**2
        return self.passes * one_pass * (_CACHED if self.cache else 1.0) + _DECODING * area


DEFAULT = "balanced"
_DECODING = 2.6  # what decoding a clip of 49 frames costs the 2B model, in passes
_ATTENDING = 0.6  # share of a pass that grows with the square of the tokens
_CACHED = 0.75  # what is left of a clip's passes where attention is not computed anew in each step
_FAST = ("sage", "_flash_3")
PRESETS = {
    row.name: row
    for row in (
        Preset("quality", steps=50),
        Preset("balanced", steps=20, guided=0.5, attention=_FAST, cache="pyramid", compiled=True),
        Preset("live", steps=8, guided=0.25, attention=_FAST, precision="fp8", compiled=True),
        Preset("draft", steps=8, guided=0.25, scale=2 / 3, attention=_FAST, precision="fp8", compiled=True),
        Preset(
            "24gb",
            steps=30,
            attention=_FAST,
            cache="faster",
            precision="int8",
            tiled=True,
            overlapped=False,
            offload=True,
        ),
    )
}
LADDER = tuple(
    Level(name, PRESETS[name].work / PRESETS["quality"].work) for name in ("quality", "balanced", "live", "draft")
)


def preset(name: str) -> Preset:
    """The preset called `name`, "" for the default.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return PRESETS[name or DEFAULT]
    except KeyError:
        raise UsageError(f"no preset is called {name!r}; there are {', '.join(PRESETS)}") from None
