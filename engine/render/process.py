"""One render process as its parent sees it: started, waited for, ended, never left behind."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Self

_GRACE_SECONDS = 3.0  # from SIGTERM to SIGKILL
_TAIL_BYTES = 4096


class RenderProcess:
    """A running `engine.worker.main`, whose standard error goes to the file `log`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls, endpoint: str, name: str, *, index: int, generator: str, model: str, cache: Path, log: Path, nice: int = 0
    ) -> Self:
        """Start a process, the one numbered `index` of its engine, that connects to `endpoint` as `name`.

        It gets a session of its own, so that a Ctrl-C in the terminal reaches only the parent, and so that whatever
        it starts can be ended with it.
        """
        command = [sys.executable, "-P", "-m", "engine.worker.main", endpoint, "--name", name]
        command += ["--generator", generator, "--model", model, "--cache", str(cache), "--parent", str(os.getpid())]
        command += ["--index", str(index), "--nice", str(nice)]
        with log.open("wb") as stderr:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        return cls(process, log)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    async def wait(self) -> str:
        """Wait for the end of the process and say how it came; if by itself, with the last line that it printed."""
        code = await self._process.wait()
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        lines = self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip().splitlines()
        return ": ".join([f"ended with status {code}", *(line.strip() for line in lines[-1:])])

    def kill(self) -> None:
        """End it at once, whatever it does, and what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def end(self) -> None:
        """End it: politely, and after a grace period not."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                await self._process.wait()
        except TimeoutError:
            pass
        finally:
            self.kill()
        await self._process.wait()
