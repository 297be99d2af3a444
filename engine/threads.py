"""Blocking calls and shared models in threads, thread priorities, and garbage collection without pauses."""

import asyncio
import contextlib
import ctypes
import functools
import gc
import os
import platform
import struct
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")
_K = TypeVar("_K")

_SWITCH_INTERVAL_S = 0.0005  # in which a thread gets Python's lock; the usual 5 ms would be a third of a frame
_SLICE_NS = 200_000
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}  # number of the system call, which the C library does not wrap


async def to_thread(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run `function` in a thread, as `asyncio.to_thread`; when cancelled, wait for the thread to end first."""
    working = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


def loaded_once(load: Callable[[_K], _T]) -> Callable[[_K], _T]:
    """`load`, with the same model for the same key as long as anybody holds it, from any thread.

    The cache holds no model itself: the memory is free again once the last user has dropped it.
    """
    models: weakref.WeakValueDictionary[_K, _T] = weakref.WeakValueDictionary()
    lock = threading.Lock()

    @functools.wraps(load)
    def shared(key: _K) -> _T:
        with lock:
            model = models.get(key)
            if model is None:
                model = models[key] = load(key)
            return model

    return shared


def request_low_latency() -> None:
    """Let this thread, and those that it starts, wait as little as possible for a processor and for Python's lock.

    From Linux 6.12 on (EEVDF) a thread with short time slices is scheduled at once while others run; without, it waits
    for the end of their slices each time that one thread hands over to another.
    """
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    if sys.platform.startswith("linux"):
        _schedule(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), _SLICE_NS)


def lower_priority(nice: int = 10, session: bool = False) -> None:
    """Raise the niceness of this thread, and of those that it starts, and give it the usual time slices (Linux).

    Linux shares time between sessions before it compares priorities: `session` lowers that of the session as well.
    """
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            _schedule(min(19, os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) + nice), 0)
            if session:
                Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")


def _schedule(nice: int, slice_ns: int) -> None:
    """Set niceness and time slice of this thread, 0 for the usual slice (Linux)."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, nice)
    call = _SCHED_SETATTR.get(platform.machine())
    if call and os.sched_getscheduler(thread) == os.SCHED_OTHER:
        attributes = ctypes.create_string_buffer(struct.pack("IIQiIQQQ", 48, 0, 0, nice, 0, slice_ns, 0, 0), 48)
        ctypes.CDLL(None).syscall(call, thread, attributes, 0)  # an older kernel refuses


@contextlib.contextmanager
def without_gc_pauses() -> Iterator[None]:
    """Exclude all present objects from garbage collection while the block runs.

    A collection of all of them would stop every thread for longer than a frame; those made later are few.
    """
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
