"""The `aimv` command from its first moment: a stop is one line and the right status, even during the imports."""

import os
import signal
from types import FrameType
from typing import NoReturn

STOPPED = "stopped; nothing half-written was left. `aimv export` goes on from here with --resume."

_last = signal.SIGINT


def main() -> NoReturn:
    """Run the command line; see `aimv.cli.main`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop_at_once)
    from aimv.cli import main as run  # noqa: PLC0415 - seconds, in which a stop must be heard

    run()


def watch_for_stops() -> None:
    """Let SIGTERM end the command as cleanly as Ctrl-C does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _as_interrupt)


def ignore_stops() -> None:
    """The outcome is settled and will be said: a stop that comes now ends the process without a word."""
    stops = (signal.SIGINT, signal.SIGTERM)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stops)  # or one would come between the two
    for number in stops:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def stop_status() -> int:
    """The exit status for the stop that came: 130 for Ctrl-C, 143 for SIGTERM, as shells have it."""
    return 128 + _last


def _stop_at_once(number: int, frame: FrameType | None) -> None:
    """Nothing has begun that must be ended."""
    os.write(2, f"aimv: {STOPPED}\n".encode())
    os._exit(128 + number)


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    global _last  # noqa: PLW0603 - what a signal handler knows outlives it
    _last = signal.SIGTERM
    signal.raise_signal(signal.SIGINT)
