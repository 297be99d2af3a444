"""The entry of the `aimv` command: a stop signal ends it with one line and the right status at any time.

It imports next to nothing, so that signals are handled from the first moment.
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

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGINT") if hasattr(signal, name))
_signal = signal.SIGINT
_wakeup_socket: socket.socket | None = None  # Python writes the number of each signal into it


def main() -> NoReturn:
    """Run the command line; see `aimv.cli.main`."""
    for number in _handled_signals():
        signal.signal(number, _exit_at_once)
    try:
        from aimv.cli.main import main as run

        run()
    except SystemExit as ended:
        _exit(ended.code if isinstance(ended.code, int) else 0)
    except KeyboardInterrupt:  # while another error was being printed
        _print_error(STOPPED)
        _exit(stop_status())
    except (ImportError, MemoryError, OSError) as error:
        from engine.errors import OUT_OF_MEMORY, is_out_of_memory

        if not is_out_of_memory(error):
            raise
        _print_error(OUT_OF_MEMORY)
        _exit(1)


def interrupt_on_signals() -> None:
    """Let SIGTERM, and SIGHUP when the terminal closes, end the command as cleanly as Ctrl-C does.

    SIGINT keeps Python's own handler, for which asyncio puts one that ends its tasks in order.
    """
    global _wakeup_socket, _signal  # noqa: PLW0603 - as long as the process
    _signal = signal.SIGINT
    if _wakeup_socket is None:
        import socket

        _wakeup_socket, written = socket.socketpair()
        for end in (_wakeup_socket, written):
            end.setblocking(False)
        signal.set_wakeup_fd(written.detach(), warn_on_full_buffer=False)
    stop_requested()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in _handled_signals():
        if number != signal.SIGINT:
            signal.signal(number, _as_interrupt)


def stop_requested() -> bool:
    """Whether a stop signal was received since the last call, or since `interrupt_on_signals`.

    A library may turn the KeyboardInterrupt into an error of its own.
    """
    try:
        numbers = _wakeup_socket.recv(4096) if _wakeup_socket else b""
    except BlockingIOError:
        return False
    return any(number in STOP_SIGNALS for number in numbers)


def ignore_signals() -> None:
    """Ignore stop signals from now on: the exit status is settled."""
    for number in _handled_signals():
        signal.signal(number, lambda number, frame: None)


def stop_status() -> int:
    """The exit status for the signal received: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, as shells have it."""
    return 128 + _signal


def _handled_signals() -> list[signal.Signals]:
    """The stop signals that are not ignored from outside, as SIGHUP is by nohup."""
    return [number for number in STOP_SIGNALS if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN]


def _exit_at_once(number: int, frame: FrameType | None) -> None:
    """Exit while there is nothing to clean up yet."""
    _print_error(STOPPED)
    os._exit(128 + number)


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    global _signal  # noqa: PLW0603 - the result of a handler
    _signal = signal.Signals(number)
    signal.raise_signal(signal.SIGINT)


def _print_error(message: str) -> None:
    """Print without a library: none may be loaded yet."""
    try:
        os.write(2, f"aimv: {message}\n".encode())
    except OSError:  # the terminal is closed
        return


def _exit(status: int) -> NoReturn:
    """Exit at once: everything is closed, and a signal during the interpreter's teardown would change the status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # closed
            continue
    os._exit(status)
