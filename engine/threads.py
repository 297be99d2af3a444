"""Blocking work in a thread that is never abandoned: what it uses may be closed once the call has returned."""

import asyncio
import contextlib
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


async def to_thread(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run `function` in a thread, as `asyncio.to_thread`; when cancelled, end only after the thread has."""
    working = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


def step_back(by: int = 10, session: bool = False) -> None:
    """Lower the priority of this thread, and of those that it starts, below the ones that must be in time (Linux).

    Linux shares time between sessions before it looks at priorities: `session` lowers that of the whole session.
    """
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, min(19, os.getpriority(os.PRIO_PROCESS, thread) + by))
            if session:
                Path("/proc/self/autogroup").write_text(str(by), encoding="ascii")


@contextlib.contextmanager
def without_pauses() -> Iterator[None]:
    """Leave what is in memory now to itself while the block runs.

    Looking through all of it for garbage stops every thread for longer than a picture; what comes later is little.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
