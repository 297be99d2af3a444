"""The `aimv` command: parses, calls, and turns every expected failure into one line and an exit status."""

import contextlib
import errno
import logging
import os
import sys
from typing import Any, NoReturn

import typer

from aimv.app.logs import log_event, log_to_file, write_crash_report
from aimv.cli.listen import listen, sentence
from aimv.cli.live import inputs, learn, live
from aimv.cli.options import config, console, load_config, with_options
from aimv.cli.render import keys, models, render
from aimv.cli.signals import STOPPED, ignore_signals, interrupt_on_signals, stop_requested, stop_status
from aimv.cli.video import export, play, score
from aimv.options import Log
from engine.errors import OUT_OF_MEMORY, AimvError, is_out_of_memory

app = typer.Typer(
    name="aimv",
    help="AIMV listens to a song and makes its music video: instruments, lyrics, loudness and colour become one "
    "sentence per shot, and the sentences become pictures that move with the music.",
    epilog="Start with: aimv export song.wav -o song.mp4",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for each in (listen, sentence, score, export, play, live, inputs, learn, config, render, keys, models):
    app.command()(each)


@app.callback()
@with_options
def common(context: typer.Context, options: Log) -> None:
    """Start the log, for any command."""
    if options.log:
        log_to_file(options.log)
        log_event("command", name=context.invoked_subcommand or "")


# Typer carries click inside or beside it, by its version; both raise subclasses of what its own exports derive from.
_WrongUse: Any = typer.BadParameter.__base__
_Failed: Any = _WrongUse.__base__
_INTERRUPTED = 130
_FAULT = 70  # EX_SOFTWARE of sysexits.h

# Libraries log every damaged packet, for example: not for users.
logging.getLogger().addHandler(logging.NullHandler())


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong use, 70 a bug, 129, 130 or 143 stopped."""
    interrupt_on_signals()
    try:
        status = app(standalone_mode=False, default_map=load_config().defaults())
        if status == _INTERRUPTED:  # typer's result after Ctrl-C
            raise KeyboardInterrupt
        sys.stdout.flush()
        log_event("end", status=0)
        ignore_signals()
    except _WrongUse as error:
        hint = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
        _exit_with_error(f"{error.format_message()}{hint}", 2)
    except (KeyboardInterrupt, typer.Abort):
        _exit_with_error(STOPPED, stop_status())
    except _Failed as error:
        _exit_with_error(error.format_message(), 1)
    except AimvError as error:
        advice = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        _exit_with_error(f"{error}{advice}", error.exit_status)
    except BrokenPipeError:  # the reader (head, a pager) has closed the pipe
        _discard_output()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - a bug, whatever it is
        if stop_requested():
            log_event("interrupted", error=type(error).__name__)
            _exit_with_error(STOPPED, stop_status())
        if is_out_of_memory(error):
            _exit_with_error(OUT_OF_MEMORY, 1)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:  # on stdout: files raise OutputError
            _discard_output()
            _exit_with_error("no room left on the disk for what is printed: free some space, then run it again", 1)
        _exit_with_error(_report_bug(error), _FAULT)
    sys.exit(status if isinstance(status, int) else 0)


def _discard_output() -> None:
    """Send what is still to be printed nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report_bug(error: Exception) -> str:
    """One line on an unexpected error, with the path of its report."""
    what = f"AIMV met an error of its own ({type(error).__name__}), which is a bug"
    path = write_crash_report(error)
    return f"{what}: please send {path} to its maintainers" if path else what


def _exit_with_error(message: str, status: int) -> NoReturn:
    ignore_signals()
    log_event("end", status=status, why=message)
    with contextlib.suppress(OSError):  # the terminal is closed
        console.print(f"aimv: {' '.join(message.split())}")
    sys.exit(status)
