"""Thread priorities and time slices as the kernel reports them; garbage collection without pauses; shared models."""

import asyncio
import ctypes
import gc
import os
import platform
import struct
import sys
import threading

import pytest

from engine.threads import loaded_once, lower_priority, request_low_latency, to_thread, without_gc_pauses

_SCHED_GETATTR = {"x86_64": 315, "aarch64": 275}


def slice_and_nice() -> tuple[int, int]:
    """The time slice that this thread has requested in ns, and its niceness."""
    attributes = ctypes.create_string_buffer(48)
    ctypes.CDLL(None).syscall(_SCHED_GETATTR[platform.machine()], 0, attributes, 48, 0)
    _, _, _, nice, _, slice_ns, _, _ = struct.unpack("IIQiIQQQ", attributes.raw)
    return slice_ns, nice


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or tuple(map(int, os.uname().release.split(".")[:2])) < (6, 12),
    reason="requested time slices exist from Linux 6.12 on",
)
def test_short_time_slices_are_inherited_and_end_with_a_lower_priority() -> None:
    seen: dict[str, tuple[int, int]] = {}

    def lower() -> None:
        seen["child"] = slice_and_nice()
        lower_priority(3)
        seen["lower"] = slice_and_nice()

    def requesting() -> None:
        lower_priority(0)  # it may inherit those of another test's thread
        seen["before"] = slice_and_nice()
        request_low_latency()
        seen["low latency"] = slice_and_nice()
        child = threading.Thread(target=lower)
        child.start()
        child.join()

    interval = sys.getswitchinterval()
    try:
        thread = threading.Thread(target=requesting)  # whose settings end with it
        thread.start()
        thread.join()
    finally:
        sys.setswitchinterval(interval)
    before, nice = seen["before"]
    assert seen["low latency"][0] < before and seen["low latency"][1] == nice
    assert seen["child"] == seen["low latency"]
    assert seen["lower"] == (before, nice + 3)


async def test_a_cancelled_call_ends_only_after_its_thread() -> None:
    started, released = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(started.set)
        released.wait(60)

    call = asyncio.create_task(to_thread(work))
    await started.wait()
    call.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not call.done()
    released.set()
    with pytest.raises(asyncio.CancelledError):
        await call


def test_present_objects_are_excluded_from_collection_while_the_block_runs() -> None:
    with without_gc_pauses():
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0


def test_a_model_is_loaded_once_while_it_is_held_and_freed_after() -> None:
    class Model:
        pass

    loads: list[str] = []

    @loaded_once
    def load(name: str) -> Model:
        loads.append(name)
        return Model()

    first, other = load("a"), load("b")
    assert load("a") is first is not other
    assert loads == ["a", "b"]
    del first
    gc.collect()
    load("a")
    assert loads == ["a", "b", "a"]
