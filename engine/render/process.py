"""Starts, awaits and ends one render process; none outlives its parent."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Self

_GRACE_SECONDS = 3.0  # from SIGTERM to SIGKILL
_TAIL_BYTES = 4096  # of its standard error, in which the last line is looked for


class RenderProcess:
    """A running `engine.worker.main`, whose standard error goes to the file `log`."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log

    @classmethod
    async def start(
        cls, endpoint: str, name: str, *, index: int, generator: str, model: str, cache: Path, log: Path, nice: int = 0
    ) -> Self:
        """Start the process numbered `index` of its engine; it connects to `endpoint` with the identity `name`.

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
        """Wait until the process ends; returns how: the signal, or the exit status and the last line it printed."""
        code = await self._process.wait()
        if code < 0:
            return f"was ended by {signal.Signals(-code).name}"
        lines = self._log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip().splitlines()
        return ": ".join([f"ended with status {code}", *(line.strip() for line in lines[-1:])])

    def kill(self) -> None:
        """Kill it and the processes that it started."""
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Terminate it, and kill it if it still runs after a grace period."""
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
