"""The structured log, where one is asked for, and crash reports of bugs.

Neither contains a secret, sound or picture; names of files are in the log only.
"""

import json
import logging
import os
import platform
import re
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from engine.errors import AimvError, UsageError
from engine.files import cache_folder, output_error

log = logging.getLogger("aimv")

_SECRET_NAMES = re.compile(r"(?i)password|passwd|secret|token|credential|\bkey\b")
_IN_URL = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s/@]+@")
_AFTER_NAME = re.compile(r"(?i)\b([\w-]*(?:password|passwd|secret|token)[\w-]*)(\s*[=: ]\s*)(\"[^\"]*\"|'[^']*'|\S+)")
_LIBRARIES = ("av", "ctranslate2", "faster-whisper", "moderngl", "msgspec", "numpy", "onnxruntime", "opencv-python",
              "pyzmq", "soundfile", "torch", "diffusers")  # fmt: skip
# Their texts are about code; those of others may be about a person's files and words.
_CODE_ERRORS = {
    AttributeError,
    NameError,
    TypeError,
    AssertionError,
    IndexError,
    ZeroDivisionError,
    NotImplementedError,
}
_LONGEST = 300  # characters of an exception's text in a report


def redact_secrets(text: str) -> str:
    """`text` with credentials in URLs, and what follows a word such as password, replaced by ***."""
    return _AFTER_NAME.sub(r"\1\2***", _IN_URL.sub(r"\g<scheme>***@", text))


class _JsonFormatter(logging.Formatter):
    """One JSON object a line: time (s, UTC, ISO 8601), level, event, and the event's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "event": redact_secrets(record.getMessage()),
        }
        for name, value in getattr(record, "fields", {}).items():
            plain = value if isinstance(value, int | float | None) else redact_secrets(str(value))
            fields[name] = "***" if _SECRET_NAMES.search(name) else plain
        return json.dumps(fields, ensure_ascii=False)


def log_to_file(path: Path) -> None:
    """Log events from now on to the file `path`, one JSON object a line.

    Raises:
        UsageError, OutputError: it cannot be written.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file for the log", option="log")
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise output_error(path, error, "log") from error
    handler.setFormatter(_JsonFormatter())
    handler.handleError = lambda record: None  # type: ignore[method-assign]  # a full disk does not stop the show
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    log_event("start", version=_version("aimv"), python=platform.python_version(), system=sys.platform)


def log_event(event: str, **fields: object) -> None:
    """Log an event with its fields; costs next to nothing without a log."""
    log.info(event, extra={"fields": fields})


def write_crash_report(error: BaseException) -> Path | None:
    """Write what a maintainer needs to fix a bug; the file, or None if it cannot be written.

    Versions, the machine's kind, the command's name and options without their values, and the stacks of the error and
    its causes with the lines of code; no values of variables, so no sound, no path of a song, no secret.
    """
    lines = [
        "AIMV met an error of its own. This file holds no sound, no pictures and no passwords.",
        "",
        f"aimv {_version('aimv')}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES),
        "command: " + " ".join(_command_shape(sys.argv[1:])),
        "",
        *_stack(error),
    ]
    try:
        path = cache_folder("crashes") / f"crash-{os.getpid()}-{time.monotonic_ns()}.txt"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except (AimvError, OSError):
        return None
    return path


def _stack(error: BaseException, effects: tuple[BaseException, ...] = ()) -> list[str]:
    """The stack of `error`, which has led to `effects`, then those of its causes."""
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        place = Path(frame.filename)
        root = next((root for root in sys.path if root and place.is_relative_to(root)), place.parent)
        lines += [f"  {place.relative_to(root)}:{frame.lineno} {frame.name}", f"    {frame.line or ''}"]
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            lines += _stack(inner, (*effects, error))
    text = f": {redact_secrets(str(error))[:_LONGEST]}" if type(error) in _CODE_ERRORS else ""
    lines.append(f"{type(error).__name__}{text}")
    cause = error.__cause__ or error.__context__
    if cause is None or any(cause is effect for effect in effects):
        return lines
    return [*lines, "caused by", *_stack(cause, (*effects, error))]


def _command_shape(arguments: list[str]) -> list[str]:
    """The command's name and options, with ... for everything else."""
    shape = arguments[:1] if arguments and re.fullmatch(r"[a-z]+", arguments[0]) else []
    for argument in arguments[len(shape) :]:
        shape.append(argument.partition("=")[0] if re.match(r"--?[a-z]", argument) else "...")
    return shape


def _version(package: str) -> str:
    import importlib.metadata  # noqa: PLC0415 - takes longer to load than most commands to start

    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
