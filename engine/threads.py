"""Blocking work in a thread that is never abandoned: what it uses may be closed once the call has returned."""

import asyncio
import contextlib
import ctypes
import gc
import os
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_SWITCH_S = 0.0005  # a thread that waits for Python's lock gets it after this: 5 ms would be a third of a picture
_TURN_NS = 200_000
_SET_ATTRIBUTES = {"x86_64": 314, "aarch64": 274}  # the system call sched_setattr, which the C library lacks


async def to_thread(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run `function` in a thread, as `asyncio.to_thread`; when cancelled, end only after the thread has."""
    working = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


class _Attributes(ctypes.Structure):
    """`struct sched_attr` of Linux, in its first form."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def request_low_latency() -> None:
    """Have this thread, and those that it starts, wait as little as may be for a processor and for Python.

    From Linux 6.12 on a thread that asks for short turns is let in at once while others run (`sched_setattr` with
    `sched_runtime`, EEVDF); without, it waits for the end of theirs, at each hand-over from thread to thread.
    """
    sys.setswitchinterval(_SWITCH_S)
    if sys.platform.startswith("linux"):
        _schedule(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), _TURN_NS)


def _schedule(nice: int, turn_ns: int) -> None:
    """Priority and length of turns of this thread, 0 for the usual length (Linux)."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, nice)
    call = _SET_ATTRIBUTES.get(platform.machine())
    if call and os.sched_getscheduler(thread) == os.SCHED_OTHER:
        wanted = _Attributes(size=ctypes.sizeof(_Attributes), nice=nice, runtime=turn_ns)
        ctypes.CDLL(None).syscall(call, thread, ctypes.byref(wanted), 0)  # an older kernel says no


def lower_priority(nice: int = 10, session: bool = False) -> None:
    """Lower the priority of this thread, and of those that it starts, below the ones that must be in time (Linux).

    Linux shares time between sessions before it looks at priorities: `session` lowers that of the whole session.
    """
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            _schedule(min(19, os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) + nice), 0)
            if session:
                Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")


@contextlib.contextmanager
def without_gc_pauses() -> Iterator[None]:
    """Leave what is in memory now to itself while the block runs.

    Looking through all of it for garbage stops every thread for longer than a picture; what comes later is little.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
