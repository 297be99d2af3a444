"""The README's commands and Python are executed, and its links resolve."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Ran

README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the repository to the README's commands."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands(in_a_checkout: Path, aimv: Callable[..., Ran]) -> None:
    commands = re.findall(r"^\$ aimv (.*)$", README, re.M)
    assert len(commands) >= 5
    for command in commands:
        ran = aimv(*shlex.split(command))
        assert ran.status == 0, (command, ran.err)
    assert (in_a_checkout / "heart.mp4").stat().st_size > 10_000


def test_python(in_a_checkout: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "color palette." in ran.stdout
    assert (in_a_checkout / "heart.mp4").exists()


def test_the_test_command_is_what_ci_runs() -> None:
    assert "\nmake test\n" in README
    assert (ROOT / ".ci" / "run").read_text("utf-8").rstrip().endswith("make test")


@pytest.mark.parametrize(
    "document",
    ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))],
)
def test_links_lead_to_files(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_every_make_target_of_the_documents_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for document in (README, (ROOT / "CONTRIBUTING.md").read_text("utf-8")):
        for target in re.findall(r"`make ([a-z]+)`|^make ([a-z]+)$", document, re.M):
            assert re.search(rf"^{''.join(target)}:", makefile, re.M), target
