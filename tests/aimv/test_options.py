"""Every option is checked by its definition, and an instance of a group is always valid."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aimv.fields import Group, Option, options_of
from aimv.options import Listening, Settings, ShowSettings
from engine.errors import UsageError

WRONG_TYPE: dict[Any, tuple[Any, ...]] = {
    bool: ("yes", 1, None),
    int: ("7", 1.5, True, None),
    float: ("7", True, None, 10**400),
    str: (3, True, 1.5),
    Path: (3, True),
    list: ("one", (1,), 3),
}
OUT_OF_RANGE: dict[Any, tuple[Any, ...]] = {
    int: (-1, 2**31, 10**23),
    float: (-1.0, -0.1, 1e9, float("nan"), float("inf")),
    str: ("no such thing: at all",),
    Path: (Path("name.nosuchsuffix"),),
}


def groups(base: type = Group) -> Iterator[Any]:
    for group in base.__subclasses__():
        yield group
        yield from groups(group)


FIELDS = [(group, option) for group in groups() for option in options_of(group)]


def required(group: Any) -> dict[str, Any]:
    """A value for each option that must be given."""
    return {option.name: "tcp://a:1" for option in options_of(group) if option.default is dataclasses.MISSING}


def refused(group: Any, option: Option, value: Any) -> str:
    with pytest.raises(UsageError) as caught:
        group(**{**required(group), option.name: value})
    assert caught.value.option == option.name
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250
    assert "--" not in str(caught.value), "the command line adds the flag"
    return str(caught.value)


@pytest.mark.parametrize(("group", "option"), FIELDS, ids=lambda each: getattr(each, "name", None) or each.__name__)
def test_a_value_of_the_wrong_type_is_refused(group: Any, option: Option) -> None:
    for value in WRONG_TYPE[option.type]:
        if value is not None or not option.optional:
            refused(group, option, value)


@pytest.mark.parametrize(
    ("group", "option"),
    [(group, option) for group, option in FIELDS if option.check],
    ids=lambda each: getattr(each, "name", None) or each.__name__,
)
def test_a_value_that_is_not_possible_is_refused(group: Any, option: Option) -> None:
    for value in OUT_OF_RANGE[option.type]:
        refused(group, option, value)


def test_every_number_has_limits() -> None:
    assert [option.name for _, option in FIELDS if option.type in (int, float) and not option.check] == []


@pytest.mark.parametrize("group", groups(), ids=lambda group: group.__name__)
def test_defaults_are_valid_and_a_valid_instance_stays_so(group: Any) -> None:
    made = group(**required(group))
    assert dataclasses.replace(made) == made
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, options_of(group)[0].name, None)


def test_values_are_normalized() -> None:
    assert Settings(size="640X360") == Settings(size=(640, 360))
    assert (Settings().width, Settings(size="640x360").height) == (1280, 360)
    assert Settings(language="auto").language is None and Settings(language="DE").language == "de"
    assert (Settings().fps, ShowSettings().fps, Settings(fps=25).fps) == (24.0, 30.0, 25.0)


@pytest.mark.parametrize(
    "size", ["big", "640", "640x", "1x2x3", "641x360", "0x0", "100000x2", (640,), (10**400, 2), ()]
)
def test_a_size_is_two_even_sides(size: Any) -> None:
    with pytest.raises(UsageError, match="1280x720") as caught:
        Settings(size=size)
    assert caught.value.option == "size"


@pytest.mark.parametrize(("given", "named"), [("cz", "cs"), ("german", "de"), ("xx", "such as en")])
def test_an_unknown_language_names_the_right_code(given: str, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Settings(language=given)


def test_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Listening(all=True)
    assert caught.value.option == "all"
    with pytest.raises(UsageError) as caught:
        Settings(generator="shader", preset="live")
    assert caught.value.option == "preset"
