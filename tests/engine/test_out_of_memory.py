"""Out-of-memory errors are recognized in causes, contexts and groups; other errors are not."""

import errno

import pytest

from engine.errors import is_out_of_memory


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("can't start new thread"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("[Errno 12] Cannot allocate memory"),
        ImportError("libopenblas.so: failed to map segment from shared object"),
        ExceptionGroup("two", [ValueError("x"), ExceptionGroup("one", [MemoryError()])]),
    ],
    ids=repr,
)
def test_a_shortage(error: Exception) -> None:
    assert is_out_of_memory(error)
    outer = ValueError("that is why")
    outer.__cause__ = error
    assert is_out_of_memory(outer)


def test_a_bug_is_not_out_of_memory_even_with_circular_causes() -> None:
    error, group = ValueError("x"), ExceptionGroup("two", [KeyError("y")])
    error.__cause__ = group
    group.exceptions[0].__cause__ = group
    group.__context__ = error
    assert not is_out_of_memory(error)
