"""The `aimv` command from its first moment: a stop is one line and the right status, even during the imports."""

import os
import signal
from types import FrameType
from typing import NoReturn

STOPPED = "stopped; nothing half-written was left. `aimv export` goes on from here with --resume."

STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_last = signal.SIGINT


def main() -> NoReturn:
    """Run the command line; see `aimv.cli.main`."""
    for number in _heeded():
        signal.signal(number, _stop_at_once)
    from aimv.cli import main as run  # noqa: PLC0415 - seconds, in which a stop must be heard

    run()


def watch_for_stops() -> None:
    """Let SIGTERM, and SIGHUP when the terminal goes, end the command as cleanly as Ctrl-C does."""
    for number in _heeded():
        signal.signal(number, _as_interrupt)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def ignore_stops() -> None:
    """The outcome is settled and will be said: a stop that comes now ends the process without a word."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # or one would come between the two
    for number in _heeded():
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_status() -> int:
    """The exit status for the stop that came: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, as shells have it."""
    return 128 + _last


def _heeded() -> list[signal.Signals]:
    """The stops that this process hears; nohup has SIGHUP ignored."""
    return [number for number in STOPS if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN]


def _stop_at_once(number: int, frame: FrameType | None) -> None:
    """Nothing has begun that must be ended."""
    os.write(2, f"aimv: {STOPPED}\n".encode())
    os._exit(128 + number)


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    global _last  # noqa: PLW0603 - what a signal handler knows outlives it
    _last = signal.Signals(number)
    signal.raise_signal(signal.SIGINT)
