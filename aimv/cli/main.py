"""The `aimv` command: parses, calls, and turns every expected failure into one line and an exit status."""

import contextlib
import errno
import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from aimv.app.logs import log_to, report, tell
from aimv.cli.config import config, load_config
from aimv.cli.listen import listen, sentence
from aimv.cli.live import inputs, learn, live
from aimv.cli.models import models
from aimv.cli.render import keys, render
from aimv.cli.signals import STOPPED, ignore_stops, stop_came, stop_status, watch_for_stops
from aimv.cli.video import export, play, score
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
for command in (listen, sentence, score, export, play, live, inputs, learn, config, render, keys, models):
    app.command()(command)


@app.callback()
def _common(
    context: typer.Context,
    log: Annotated[
        Path | None, typer.Option("--log", help="Append what happens to this file, as JSON Lines.", envvar="AIMV_LOG")
    ] = None,
) -> None:
    if log:
        log_to(log)
        tell("command", name=context.invoked_subcommand or "")


# Typer carries click inside or beside it, by its version; both raise subclasses of what its own exports derive from.
_WrongUse: Any = typer.BadParameter.__base__
_Failed: Any = _WrongUse.__base__
_INTERRUPTED = 130
_FAULT = 70  # EX_SOFTWARE of sysexits.h

# What libraries log, of each damaged packet for example, is not for the person who plays.
logging.getLogger().addHandler(logging.NullHandler())


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 it failed, 2 it was asked wrongly, 70 a bug, 129, 130 or 143 stopped."""
    watch_for_stops()
    try:
        status = app(standalone_mode=False, default_map=load_config(app))
        if status == _INTERRUPTED:  # how typer tells of Ctrl-C
            raise KeyboardInterrupt
        sys.stdout.flush()
        tell("end", status=0)
        ignore_stops()
    except _WrongUse as error:
        hint = f" (see `{error.ctx.command_path} --help`)" if error.ctx else ""
        _fail(f"{error.format_message()}{hint}", 2)
    except (KeyboardInterrupt, typer.Abort):
        _fail(STOPPED, stop_status())
    except _Failed as error:
        _fail(error.format_message(), 1)
    except AimvError as error:
        _fail(str(error), error.exit_status)
    except BrokenPipeError:  # the reader (head, a pager) has had enough
        _drop_output()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - AIMV's own fault, whatever it is
        if stop_came():
            tell("interrupted", error=type(error).__name__)
            _fail(STOPPED, stop_status())
        if is_out_of_memory(error):
            _fail(OUT_OF_MEMORY, 1)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:  # not of a file of ours, which says so itself
            _drop_output()
            _fail("no room left on the disk for what is printed: free some space, then run it again", 1)
        _fail(_own_fault(error), _FAULT)
    sys.exit(status if isinstance(status, int) else 0)


def _drop_output() -> None:
    """Nothing more can be printed, not even what waits to be."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _own_fault(error: Exception) -> str:
    """One line on an error that nobody foresaw, and where its report is."""
    what = f"AIMV met an error of its own ({type(error).__name__}), which is a bug"
    path = report(error)
    return f"{what}: please send {path} to its maintainers" if path else what


def _fail(message: str, status: int) -> NoReturn:
    ignore_stops()
    tell("end", status=status, why=message)
    with contextlib.suppress(OSError):  # the terminal has gone
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"aimv: {' '.join(message.split())}")
    sys.exit(status)
