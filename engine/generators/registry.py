"""The registry of video generators, and the selection of one by name, capability and what this machine has.

Importing it loads no model library. A generator is a module or folder beside this file with a `SPEC`, and one line in
`GENERATORS`.
"""

from importlib import import_module

import msgspec

from engine.errors import AimvError, MissingExtra, ModelError, UsageError
from engine.generators.base import Generator, GeneratorSpec, ModelInfo

AUTO = "auto"
GENERATORS: tuple[GeneratorSpec, ...] = tuple(  # in the order in which `auto` prefers them
    import_module(f"engine.generators.{name}").SPEC
    for name in (
        "cogvideox",
        "scenes",
        "fake",
    )
)


class Selection(msgspec.Struct, frozen=True):
    """A generator and its model, and the reason for them in one sentence."""

    spec: GeneratorSpec
    model: ModelInfo
    reason: str
    runs_here: bool = True  # False where only other hosts have the model

    @property
    def generator(self) -> str:
        """The generator's name."""
        return self.spec.name


def listed() -> tuple[GeneratorSpec, ...]:
    """The generators offered to users, in the order in which `auto` prefers them."""
    return tuple(spec for spec in GENERATORS if spec.listed)


def names() -> tuple[str, ...]:
    """What a user may give as generator: `auto` and every listed name."""
    return (AUTO, *(spec.name for spec in listed()))


def presets() -> tuple[str, ...]:
    """The presets of all listed generators."""
    return tuple(dict.fromkeys(preset for spec in listed() for preset in spec.presets))


def find_spec(name: str) -> GeneratorSpec:
    """The generator of that name, listed or not.

    Raises:
        UsageError: there is none.
    """
    for spec in GENERATORS:
        if spec.name == name:
            return spec
    raise _unknown(name)


def check_name(name: str) -> str:
    """The name, if a user may give it. Raises UsageError."""
    if name not in names():
        raise _unknown(name)
    return name


def check_preset(generator: str, preset: str) -> None:
    """Raise UsageError where `generator` ("auto" for any) has no preset called `preset`; "" is every one's default."""
    known = presets() if generator == AUTO else find_spec(generator).presets
    if preset and not known:
        raise UsageError(f"the generator {generator} has no presets", option="preset")
    if preset and preset not in known:
        raise UsageError(f"no preset is called {preset!r}; there are {', '.join(known)}", option="preset")


def select_generator(wanted: str = AUTO, model: str = "", scenes: str = "", *, remote: bool = False) -> Selection:
    """Settle which generator renders, with which model.

    `auto` takes the first that this machine has the packages, the model and the device for. `model` is a hub id or
    folder, "" for the generator's default. `scenes` is a folder of ISF files, and selects a generator that draws them.
    With `remote`, other hosts render as well: the packages and the model need not be on this one.

    Raises:
        MissingExtra, ModelError: the generator that was asked for lacks its packages or its model on this machine.
        UsageError: there is no such generator, or it does not take `scenes`, or they cannot be drawn.
    """
    if wanted != AUTO:
        spec = find_spec(wanted)
        if scenes and not spec.takes_scenes:
            takers = ", ".join(each.name for each in listed() if each.takes_scenes)
            raise UsageError(f"the generator {wanted} draws no folder of scenes; {takers} does", option="scenes")
        return _select(spec, model, scenes, remote, f"{wanted} was asked for")
    obstacles: list[AimvError] = []
    for spec in listed():
        if scenes and not spec.takes_scenes:
            continue
        reason = obstacles[0] if obstacles else "what it needs is on this machine"
        try:
            selection = _select(spec, model, scenes, remote, f"{spec.name}, because {reason}")
            if spec.needs_gpu and not remote and not _has_cuda():
                raise ModelError("there is no CUDA device")
        except AimvError as error:
            obstacles.append(error)
        else:
            return selection
    raise obstacles[-1]


def create_generator(name: str, model: str = "", index: int = 0) -> Generator:
    """Load the generator of that name in the render process, number `index` of those on its host.

    Raises:
        UsageError, MissingExtra, ModelError: there is none, or its packages or its model are missing or damaged.
    """
    spec = find_spec(name)
    return spec.create(model or spec.default_model, index)


def _select(spec: GeneratorSpec, model: str, scenes: str, remote: bool, reason: str) -> Selection:
    try:
        found = spec.find_model(model or spec.default_model, scenes)
    except (MissingExtra, ModelError):
        if not remote:
            raise
        there = spec.remote_model(model or spec.default_model)
        return Selection(spec, there, f"{spec.name}, on another host", runs_here=False)
    return Selection(spec, found, f"{spec.name}, {found.summary}" if found.summary else reason)


def _unknown(name: str) -> UsageError:
    return UsageError(f"no generator is called {name!r}; there are {', '.join(names())}", option="generator")


def _has_cuda() -> bool:
    import torch  # noqa: PLC0415 - takes seconds; only where the model is here

    return bool(torch.cuda.is_available())
