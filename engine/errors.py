"""Every error AIMV raises on purpose, as one tree; anything else that reaches a user is a bug."""

import errno
import importlib
from typing import Any


class AimvError(Exception):
    """Base of all expected failures; `str(error)` is one line for a person: what is wrong and what to do.

    `option` names the field of `aimv.options` whose value was wrong, if it was one: the command line adds advice.
    """

    exit_status = 1

    def __init__(self, message: str, *, option: str = "") -> None:
        super().__init__(message)
        self.option = option


class UsageError(AimvError):
    """The request cannot be met as it was put."""

    exit_status = 2


class MissingExtra(UsageError):
    """A command needs an optional part that is not installed; names the extra that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the '{extra}' extra: in a clone of AIMV, pip install '.[{extra}]'")
        self.extra = extra


def import_extra(module: str, what: str, extra: str) -> Any:
    """The module, which `what` needs and `extra` installs. Raises MissingExtra if it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtra(what, extra) from None


class MediaError(AimvError):
    """The input's sound cannot be used: not audio, truncated, not finite, rate out of range."""


class ModelError(AimvError):
    """A model is missing, damaged or of another kind."""


class RenderError(AimvError):
    """Clips could not be rendered."""


class ProtocolError(RenderError):
    """A message that breaks the render protocol."""


class OutputError(AimvError):
    """The result could not be written: no room, no permission."""


class DeviceError(AimvError):
    """A sound device, or the library that it is reached by, is not there."""


OUT_OF_MEMORY = "there is not enough memory for this: use a shorter or a mono file, or close other programs"

_MESSAGES = (
    "bad alloc",
    "bad_alloc",
    "can't start new thread",
    "cannot allocate memory",
    "failed to allocate",
    "failed to map segment",
    "resource temporarily unavailable",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error`, or one of its group, its causes or its contexts, is a shortage of memory."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        no_memory = isinstance(each, OSError) and each.errno == errno.ENOMEM
        if no_memory or isinstance(each, MemoryError) or any(message in str(each).lower() for message in _MESSAGES):
            return True
        waiting += [each.__cause__, each.__context__]
        waiting += each.exceptions if isinstance(each, BaseExceptionGroup) else ()
    return False


class Cancelled(Exception):
    """The job was cancelled while it was being rendered."""
