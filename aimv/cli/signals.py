"""The `aimv` command from its first moment to its last: a stop is one line and the right status, at any time.

What is imported here is little, so that the moment comes soon in which a stop is heard.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from types import FrameType
    from typing import NoReturn

STOPPED = "stopped; nothing half-written was left. `aimv export` goes on from here with --resume."

STOPS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name))
_last = signal.SIGINT
_came: socket.socket | None = None  # where Python writes each signal that comes


def main() -> NoReturn:
    """Run the command line; see `aimv.cli.main`."""
    for number in _heeded():
        signal.signal(number, _stop_at_once)
    try:
        from aimv.cli.main import main as run  # noqa: PLC0415 - seconds, in which a stop must be heard

        run()
    except SystemExit as ended:
        _leave(ended.code if isinstance(ended.code, int) else 0)
    except KeyboardInterrupt:  # it came while something else was about to be told
        _say(STOPPED)
        _leave(stop_status())
    except (ImportError, MemoryError, OSError) as error:
        from engine.errors import OUT_OF_MEMORY, is_out_of_memory  # noqa: PLC0415

        if not is_out_of_memory(error):
            raise
        _say(OUT_OF_MEMORY)
        _leave(1)


def watch_for_stops() -> None:
    """Let SIGTERM, and SIGHUP when the terminal goes, end the command as cleanly as Ctrl-C does."""
    global _came, _last  # noqa: PLW0603 - as long as the process
    _last = signal.SIGINT
    if _came is None:
        import socket  # noqa: PLC0415 - loaded by now

        _came, written = socket.socketpair()
        for end in (_came, written):
            end.setblocking(False)
        signal.set_wakeup_fd(written.detach(), warn_on_full_buffer=False)
    stop_came()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _heeded():
        if number != signal.SIGINT:
            signal.signal(number, _as_interrupt)


def stop_came() -> bool:
    """Whether a stop has come since this was last asked, or since `watch_for_stops`.

    A library may take the interrupt for an error of its own and raise that in its place.
    """
    try:
        numbers = _came.recv(4096) if _came else b""
    except BlockingIOError:
        return False
    return any(number in STOPS for number in numbers)


def ignore_stops() -> None:
    """The outcome is settled and will be said: a stop that comes from now on changes nothing."""
    for number in _heeded():
        signal.signal(number, _too_late)


def stop_status() -> int:
    """The exit status for the stop that came: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, as shells have it."""
    return 128 + _last


def _heeded() -> list[signal.Signals]:
    """The stops that this process hears; nohup has SIGHUP ignored."""
    return [number for number in STOPS if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN]


def _stop_at_once(number: int, frame: FrameType | None) -> None:
    """Nothing has begun that must be ended."""
    _say(STOPPED)
    os._exit(128 + number)


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    global _last  # noqa: PLW0603 - what a signal handler knows outlives it
    _last = signal.Signals(number)
    signal.raise_signal(signal.SIGINT)


def _too_late(number: int, frame: FrameType | None) -> None: ...


def _say(message: str) -> None:
    """Without a library, some of which may not be there yet."""
    try:
        os.write(2, f"aimv: {message}\n".encode())
    except OSError:  # the terminal has gone
        return


def _leave(status: int) -> NoReturn:
    """End now: everything of ours is closed, and while libraries are taken down a stop would change the status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # nobody reads it any more
            continue
    os._exit(status)
