"""The last stage of a rendering, which may run beside the first stage of the next one; one at a time."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self


class LastStage:
    """Use as a context; at its end all that was begun is finished."""

    def __init__(self) -> None:
        self._beside = ThreadPoolExecutor(1, "last stage")
        self._latest: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beside.shutdown()

    def run(self, work: Callable[[], None], apart: bool, on_apart: Callable[[], None] = lambda: None) -> None:
        """Do `work` once the one before is done: here, or, if `apart`, beside what the caller does next.

        `on_apart` is called when the caller is about to be free. What the one before raised is raised here.
        """
        self.wait()
        if not apart:
            work()
            return
        on_apart()
        self._latest = self._beside.submit(work)

    def wait(self) -> None:
        """Wait until nothing runs beside. What it raised is raised."""
        latest, self._latest = self._latest, None
        if latest:
            latest.result()
