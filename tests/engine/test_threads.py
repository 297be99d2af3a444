"""Threads on the scheduler: a show's own take short turns, those behind it neither these nor its priority."""

import ctypes
import gc
import os
import platform
import sys
import threading

import pytest

from engine.threads import _Attributes, lower_priority, request_low_latency, without_gc_pauses

_GET_ATTRIBUTES = {"x86_64": 315, "aarch64": 275}


def turn_and_nice() -> tuple[int, int]:
    """The length of turns that this thread asks for in ns, and its niceness."""
    found = _Attributes()
    call = _GET_ATTRIBUTES[platform.machine()]
    ctypes.CDLL(None).syscall(call, 0, ctypes.byref(found), ctypes.sizeof(found), 0)
    return found.runtime, found.nice


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or tuple(map(int, os.uname().release.split(".")[:2])) < (6, 12),
    reason="turns of one's own are there from Linux 6.12 on",
)
def test_a_show_asks_for_short_turns_and_what_steps_back_gives_them_up() -> None:
    seen: dict[str, tuple[int, int]] = {}

    def back() -> None:
        seen["child"] = turn_and_nice()
        lower_priority(3)
        seen["back"] = turn_and_nice()

    def show() -> None:
        lower_priority(0)  # it may descend from a thread of another test's show
        seen["before"] = turn_and_nice()
        request_low_latency()
        seen["prompt"] = turn_and_nice()
        child = threading.Thread(target=back)
        child.start()
        child.join()

    interval = sys.getswitchinterval()
    try:
        thread = threading.Thread(target=show)  # whose turns end with it
        thread.start()
        thread.join()
    finally:
        sys.setswitchinterval(interval)
    before, nice = seen["before"]
    assert seen["prompt"][0] < before and seen["prompt"][1] == nice
    assert seen["child"] == seen["prompt"]
    assert seen["back"] == (before, nice + 3)


def test_what_was_there_before_a_show_is_not_looked_through_while_it_runs() -> None:
    with without_gc_pauses():
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0
