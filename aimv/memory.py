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
    """Whether `error`, one of a group, or what led to it, comes of too little memory."""
    if isinstance(error, BaseExceptionGroup):
        return any(is_short(inner) for inner in error.exceptions)
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if any(sign in str(error).lower() for sign in _SIGNS):
        return True
    before = error.__cause__ or error.__context__
    return before is not None and is_short(before)
