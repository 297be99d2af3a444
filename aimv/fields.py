"""Fields of option groups: type, default, help and check in one place, checked whenever a group is constructed."""

import dataclasses
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Option:
    """One option. Its name is its field, its key in the config and, with dashes, its flag."""

    help: str  # one sentence, for the command line and the docs
    metavar: str | None = None  # what stands for the value in the help
    flag: str = ""  # in place of the name with dashes
    env: str | None = None  # the environment variable that sets it, too
    secret: bool = False  # the value must not be shown
    advice: str = ""  # what the command line adds to an error of this option, before the flag
    check: Callable[[Any], Any] | None = None  # returns a value of the type normalized, or raises UsageError
    # from the field:
    name: str = ""
    type: Any = str  # bool, int, float, str, Path, or list for an option that may be repeated
    optional: bool = False  # whether None is a value
    default: Any = None

    def parse(self, value: Any) -> Any:
        """The value, checked and normalized.

        Raises:
            UsageError: it is of another type, or not possible.
        """
        if value is None and self.optional:
            return None
        convert, kind = _TYPES[self.type]
        try:
            value = convert(value)
        except (TypeError, ValueError, OverflowError):
            raise UsageError(f"{value!r:.40} is not possible: {self.name} is {kind}", option=self.name) from None
        try:
            return self.check(value) if self.check else value
        except UsageError as error:
            error.option = self.name
            raise


def option(default: Any, help: str, metavar: str | None = None, **more: Any) -> Any:
    """A field of a group; `default` is `dataclasses.MISSING` if a value must be given, `more` as in `Option`."""
    return dataclasses.field(default=default, metadata={"option": Option(help=help, metavar=metavar, **more)})


class Group:
    """Base of groups of options, which are frozen dataclasses: an instance is always valid."""

    def __post_init__(self) -> None:
        for each in options_of(type(self)):
            object.__setattr__(self, each.name, each.parse(getattr(self, each.name)))


def options_of(group: Any) -> tuple[Option, ...]:
    """The options of a group, in order."""
    return tuple(_option_of(field) for field in dataclasses.fields(group))


def _option_of(field: dataclasses.Field[Any]) -> Option:
    """The type of the values is the first of a union; a tuple of strings is a list."""
    members = typing.get_args(field.type) if isinstance(field.type, types.UnionType) else (field.type,)
    kind = typing.get_origin(members[0]) or members[0]
    defined: Option = field.metadata["option"]
    return dataclasses.replace(
        defined,
        name=field.name,
        flag=defined.flag or "--" + field.name.replace("_", "-"),
        type=list if kind is tuple else kind,
        optional=types.NoneType in members,
        default=field.default,
    )


def between(low: float, high: float, what: str) -> Callable[[float], float]:
    """A check for a number from `low` to `high`; `what` has a place for the number."""

    def check(value: float) -> float:
        if not low <= value <= high:  # nor is NaN
            raise UsageError(f"{what.format(value)} is not possible: choose from {low} to {high}")
        return value

    return check


def named(suffix: str, what: str) -> Callable[[Path], Path]:
    """A check for the name of a file."""

    def check(path: Path) -> Path:
        if not path.name.lower().endswith(suffix):
            raise UsageError(f"{path} is not named as a {what}: give a name that ends in {suffix}")
        return path

    return check


def _instance(*kinds: type) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise TypeError
        return value

    return convert


def _list(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(each, str) for each in value):
        raise TypeError
    return tuple(value)


_TYPES: dict[Any, tuple[Callable[[Any], Any], str]] = {
    bool: (_instance(bool), "true or false"),
    int: (_instance(int), "a whole number"),
    float: (lambda value: float(_instance(int, float)(value)), "a number"),
    str: (_instance(str, tuple), "a text"),
    Path: (Path, "a path"),
    list: (_list, "a list of texts"),
}
