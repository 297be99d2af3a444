"""How much work a clip is given: named presets, each a row of what it turns on.

The work of a preset is counted in passes of the transformer over one clip. A step with guidance costs two (with the
prompt and without), a step without costs one; classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598)
matters most in the first steps, where the picture's layout is settled.
"""

import msgspec

from engine.errors import UsageError
from engine.render.board import Level


class Preset(msgspec.Struct, frozen=True):
    """A row of the table."""

    name: str
    steps: int  # of denoising
    guided: float = 1.0  # share of the steps, the first ones, that are guided
    guidance: float = 6.0  # weight of the prompt in a guided step
    attention: tuple[str, ...] = ()  # diffusers' names of attention kernels, the first that is installed is taken

    @property
    def guided_steps(self) -> int:
        """How many steps are guided."""
        return round(self.guided * self.steps)

    @property
    def passes(self) -> int:
        """Passes of the transformer over one clip."""
        return self.steps + self.guided_steps


DEFAULT = "balanced"
_DECODING = 2.6  # what decoding a clip of 49 frames costs the 2B model, in passes
_TABLE = (
    Preset("quality", steps=50),
    Preset("balanced", steps=20, guided=0.5),
    Preset("live", steps=8, guided=0.25, attention=("sage", "_flash_3")),
)
LADDER = tuple(Level(row.name, (row.passes + _DECODING) / (_TABLE[0].passes + _DECODING)) for row in _TABLE)
PRESETS = {row.name: row for row in _TABLE}


def preset(name: str) -> Preset:
    """The preset called `name`, "" for the default.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return PRESETS[name or DEFAULT]
    except KeyError:
        raise UsageError(f"no preset is called {name!r}; there are {', '.join(PRESETS)}") from None
