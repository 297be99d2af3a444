"""The lock file holds every default dependency, pinned and with hashes, and no index."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def test_every_default_dependency_is_pinned() -> None:
    pinned = set(re.findall(r"^([A-Za-z0-9._-]+)==", LOCK, re.MULTILINE))
    needed = {re.split(r"[<>=!~\[; ]", each)[0] for each in PROJECT["dependencies"]}
    assert needed <= pinned, "make the lock anew: python -m tools.release.supply lock"
    assert "torch" not in pinned


def test_every_pin_is_within_the_declared_ranges() -> None:
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", LOCK, re.MULTILINE)
    for needed in map(Requirement, PROJECT["dependencies"]):
        versions = [version for name, version in pins if name == needed.name]
        assert versions and all(needed.specifier.contains(version) for version in versions), needed


def test_every_pin_has_its_hashes() -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)
    assert all("--hash=sha256:" in entry for entry in entries if entry.strip())


def test_no_index_is_named() -> None:
    assert "://" not in LOCK and "index" not in LOCK
