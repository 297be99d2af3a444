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
    """One option. `name` is its field, its key in the config and, with dashes, its flag."""

    name: str
    type: Any  # bool, int, float, str, Path, or list for an option that may be repeated
    optional: bool  # whether None is a value
    default: Any
    help: str
    metavar: str | None
    flags: tuple[str, ...]
    env: str | None
    secret: bool
    show_default: bool
    advice: str
    check: Callable[[Any], Any] | None

    @property
    def flag(self) -> str:
        """The flag on the command line."""
        return self.flags[0] if self.flags else "--" + self.name.replace("_", "-")

    def parse(self, value: Any) -> Any:
        """The value, checked and normalized.

        Raises:
            UsageError: it is of another type, or not possible.
        """
        if value is None and self.optional:
            return None
        try:
            value = _CONVERT[self.type](value)
        except (TypeError, ValueError, OverflowError):
            wrong = f"{value!r:.40} is not possible: {self.name} is {_TYPE_NAMES[self.type]}"
            raise UsageError(wrong, option=self.name) from None
        try:
            return self.check(value) if self.check else value
        except UsageError as error:
            error.option = self.name
            raise


def option(
    default: Any,
    help: str,
    *,
    metavar: str | None = None,
    flags: tuple[str, ...] = (),
    env: str | None = None,
    secret: bool = False,
    show_default: bool = True,
    advice: str = "see {flag}",
    check: Callable[[Any], Any] | None = None,
) -> Any:
    """A field of a group of options.

    Args:
        default: the value where none is given; `dataclasses.MISSING` if one must be given.
        help: one sentence, for the command line and the docs.
        metavar: what stands for the value in the help.
        flags: in place of the field's name with dashes.
        env: the environment variable that sets it, too.
        secret: whether the value must not be shown.
        show_default: whether the help shows the default.
        advice: what the command line adds to an error of this option.
        check: takes a value of the field's type and returns it normalized; raises UsageError.
    """
    metadata = {key: value for key, value in locals().items() if key != "default"}
    return dataclasses.field(default=default, metadata=metadata)


class Group:
    """Base of groups of options, which are frozen dataclasses: an instance is always valid."""

    def __post_init__(self) -> None:
        for each in options_of(type(self)):
            object.__setattr__(self, each.name, each.parse(getattr(self, each.name)))


def options_of(group: Any) -> tuple[Option, ...]:
    """The options of a group, in order."""
    return tuple(
        Option(name=field.name, default=field.default, **_kind(field.type), **field.metadata)
        for field in dataclasses.fields(group)
    )


def with_default(group: Any, name: str, default: Any) -> Any:
    """The field `name` of another group, with another default."""
    return dataclasses.field(default=default, metadata=group.__dataclass_fields__[name].metadata)


def between(low: float, high: float, what: str, choices: str) -> Callable[[float], float]:
    """A check for a number from `low` to `high`; `what` has a place for the number."""

    def check(value: float) -> float:
        if not low <= value <= high:  # nor is NaN
            raise UsageError(f"{what.format(value)} is not possible: choose {choices}")
        return value

    return check


def named(suffix: str, what: str) -> Callable[[Path], Path]:
    """A check for the name of a file."""

    def check(path: Path) -> Path:
        if not path.name.lower().endswith(suffix):
            raise UsageError(f"{path} is not named as a {what}: give a name that ends in {suffix}")
        return path

    return check


def _kind(annotation: Any) -> dict[str, Any]:
    """The type of a field's values: the first of a union; a tuple of strings is a list."""
    members = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    kind = typing.get_origin(members[0]) or members[0]
    return {"type": list if kind is tuple else kind, "optional": types.NoneType in members}


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


_CONVERT: dict[Any, Callable[[Any], Any]] = {
    bool: _instance(bool),
    int: _instance(int),
    float: lambda value: float(_instance(int, float)(value)),
    str: _instance(str, tuple),
    Path: Path,
    list: _list,
}
_TYPE_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
    list: "a list of texts",
}
