"""Typer commands from functions whose parameters are groups of options (aimv/options.py)."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from aimv.fields import Group, Option, options_of
from engine.errors import AimvError

console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
SongFile = Annotated[Path, typer.Argument(help="A sound file: wav, flac, mp3, ogg, m4a; any rate.", metavar="FILE")]
OPTIONS: dict[str, tuple[Option, ...]] = {}  # of each command


def command(function: Callable[..., None]) -> Callable[..., None]:
    """A command of `function`'s name; see `with_options`."""
    run = with_options(function)
    OPTIONS[function.__name__] = run.options  # type: ignore[attr-defined]
    return run


def with_options(function: Callable[..., None]) -> Callable[..., None]:
    """`function` as typer takes it: each parameter that is a group of options becomes one parameter per option.

    An AimvError that names one of the options in `option` gets its advice as a note.
    """
    parameters = inspect.signature(function, eval_str=True).parameters
    groups = {
        name: each.annotation
        for name, each in parameters.items()
        if isinstance(each.annotation, type) and issubclass(each.annotation, Group)
    }
    members = {name: options_of(group) for name, group in groups.items()}
    own = tuple(option for options in members.values() for option in options)

    @functools.wraps(function)
    def run(**given: Any) -> None:
        try:
            built = {
                name: group(**{option.name: given.pop(option.name) for option in members[name]})
                for name, group in groups.items()
            }
            function(**given, **built)
        except AimvError as error:
            for option in own:
                if option.name == error.option:
                    error.add_note(option.advice.format(flag=option.flag))
            raise

    typed = [each for name, each in parameters.items() if name not in groups] + [_parameter(option) for option in own]
    typed.sort(key=lambda each: each.kind)
    run.__signature__ = inspect.Signature(typed)  # type: ignore[attr-defined]
    run.options = own  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in typed}
    return run


def _parameter(option: Option) -> inspect.Parameter:
    """The parameter that typer makes the option of."""
    flag = option.flag if option.default is not True else f"{option.flag}/--no-{option.flag[2:]}"
    info = typer.Option(flag, help=option.help, metavar=option.metavar, envvar=option.env)
    kind: Any = list[str] if option.type is list else option.type
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if option.default is dataclasses.MISSING else option.default,
        annotation=Annotated[kind | None if option.optional and option.default is None else kind, info],
    )
