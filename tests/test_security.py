"""Servers listen on this host only, messages contain no paths, and every test that docs/security.md cites exists."""

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

from engine.control import commands
from engine.control.osc import parse_address
from engine.render import protocol
from engine.render.cache import ClipCache
from engine.render.pool import WorkerPool
from engine.render.protocol import Job
from engine.render.transport import Transport, WorkerAddress

ROOT = Path(__file__).resolve().parents[1]


def test_servers_listen_on_this_host_only() -> None:
    """OSC and `--metrics` share the parsing of [HOST:]PORT."""
    assert parse_address("9000") == ("127.0.0.1", 9000)
    assert parse_address("0.0.0.0:9000") == ("0.0.0.0", 9000), "only if configured"  # noqa: S104
    for path in [*(ROOT / "engine").rglob("*.py"), *(ROOT / "aimv").rglob("*.py")]:
        assert not re.search(r"0\.0\.0\.0\"|tcp://\*", path.read_text("utf-8")), path


def test_no_message_names_a_file(tmp_path: Path) -> None:
    """Neither a command nor a render message has a field that is a path; a clip's place follows from its job's hash."""
    for kind in (commands.Command, *get_args(protocol.Message), Job):
        hints = get_type_hints(kind)
        assert Path not in hints.values(), kind
        assert not {name for name in hints if re.search("path|file|folder", name)}, kind
    with ClipCache(tmp_path / "clips", 10**6) as cache:
        for name in ("../../etc/passwd", "/etc/passwd", "a\0b", "x" * 9999):
            job = Job(name, name, name, (name,), (name,), 0, 2, 2, 1.0, 1.0)
            place = cache.path_for(job.id)
            assert place.parent == cache.folder
            assert re.fullmatch(r"[0-9a-f]{32}\.mp4", place.name)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_render_message_that_claims_another_job_writes_nothing(tmp_path: Path) -> None:
    """The job id of a Chunk is compared with those assigned to the worker before any file is opened."""
    chunk = protocol.Chunk("../../evil", 0, b"x")
    assert protocol.decode(protocol.encode(chunk)) == chunk, "it can be sent"
    worker = WorkerAddress(1, b"worker")
    handled = asyncio.Event()

    class Hostile(Transport):
        def receivers(self, handle: Callable[[WorkerAddress, protocol.Message], None]) -> Iterator[Any]:
            async def receive() -> None:
                for message in (protocol.Hello(protocol.VERSION, 7, "fake", ""), chunk):
                    handle(worker, message)
                handled.set()

            yield "hostile", receive()

    with ClipCache(tmp_path / "clips", 10**6) as cache:
        async with WorkerPool(cache, "fake", workers=0, transport=Hostile):
            await handled.wait()
    assert files_in(tmp_path) == []


def test_every_cited_test_exists() -> None:
    cited = re.findall(
        r"`((?:tests/[\w/]+/)?(test_\w+)\.py)?(?:::(\w+))?`", (ROOT / "docs" / "security.md").read_text("utf-8")
    )
    names = {Path(path).stem: path for path in (str(each) for each in (ROOT / "tests").rglob("test_*.py"))}
    checked = 0
    for _, module, function in cited:
        if module:
            assert module in names, module
            checked += 1
            if function:
                assert f"def {function}(" in Path(names[module]).read_text("utf-8"), function
    assert checked > 25
