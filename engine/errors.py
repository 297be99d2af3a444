"""Every error AIMV raises on purpose, as one tree.

    AimvError                 one line: what is wrong and what to do; exit status 1
    ├── UsageError            the request cannot be met as it was put; exit status 2
    │   └── MissingExtra      a part that is installed by an extra; names it
    ├── MediaError            the sound cannot be used: not audio, truncated, not finite, rate out of range
    ├── ModelError            a model is missing, damaged or not what it says it is
    ├── RenderError           clips could not be rendered
    │   └── ProtocolError     a message that breaks the render protocol
    ├── OutputError           the result could not be written: no room, no permission
    └── DeviceError           a sound device, or the library it is reached by, is not there

Anything else that reaches a user is a bug.
"""


class AimvError(Exception):
    """Base of all expected failures; `str(error)` is one line for a person."""

    exit_status = 1


class UsageError(AimvError):
    """The request cannot be met as it was put."""

    exit_status = 2


class MissingExtra(UsageError):
    """A command needs an optional part that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the '{extra}' extra: pip install 'aimv[{extra}]'")
        self.extra = extra


class MediaError(AimvError):
    """The input's sound cannot be used."""


class ModelError(AimvError):
    """A model is missing, damaged or not what it says it is."""


class RenderError(AimvError):
    """Clips could not be rendered."""


class ProtocolError(RenderError):
    """A message that breaks the render protocol."""


class OutputError(AimvError):
    """The result could not be written."""


class DeviceError(AimvError):
    """A sound device, or the library that it is reached by, is not there."""
