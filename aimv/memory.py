"""Whether an error comes of too little memory: libraries say so in many ways."""

import errno

SHORT = "there is not enough memory for this: use a shorter or a mono file, or close other programs"

_SIGNS = (
    "bad alloc",
    "bad_alloc",
    "can't start new thread",
    "cannot allocate memory",
    "failed to allocate",
    "failed to map segment",
    "resource temporarily unavailable",
)


def is_short(error: BaseException) -> bool:
    """Whether `error`, one of a group, or what led to any of them, comes of too little memory."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        no_room = isinstance(each, OSError) and each.errno == errno.ENOMEM
        if no_room or isinstance(each, MemoryError) or any(sign in str(each).lower() for sign in _SIGNS):
            return True
        waiting += [each.__cause__, each.__context__]
        waiting += each.exceptions if isinstance(each, BaseExceptionGroup) else ()
    return False
