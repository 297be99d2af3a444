"""Mutation testing: change random lines of the product, one at a time, and count how many the related tests notice.

    python -m tools.stress.mutants [--count 150] [--minutes 20] [--seed 0] [--jobs 2] [--least 80] [--only FOLDER]

Each line is changed by one operator of Cosmic Ray (a comparison, an arithmetic or boolean operator, a number ...) in a
copy of the working tree, and the tests of its folder run there until the first failure. Prints every change that nobody
noticed, a table by folder, and the share in all; exits with 1 if it is below `--least` percent.
"""

import argparse
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

from cosmic_ray import commands
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.testing import run_tests
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec, TestOutcome

ROOT = Path(__file__).parents[2]
FOLDERS = {  # product -> its tests
    "aimv/language": "tests/aimv/language",
    "engine/schedule": "tests/engine/schedule",
    "engine/playback": "tests/engine/playback",
}
COPIED = ("aimv", "engine", "tests", "tools", "models", "examples", "docs", "pyproject.toml", "README.md")
# `|` joins types in this code. Removing a decorator or changing a cache's size changes speed only.
LEFT_OUT = ("core/ReplaceBinaryOperator_BitOr", "core/RemoveDecorator", "core/ExceptionReplacer")
TIMEOUT_S = 180.0
PYTEST = f"{sys.executable} -m pytest -x -q -p no:cacheprovider"


def mutations(folder: str, session: Path) -> list[MutationSpec]:
    """Every mutation that Cosmic Ray knows of the files in `folder`, paths relative to the root."""
    files = [path.relative_to(ROOT) for path in sorted(Path(ROOT, folder).glob("*.py"))]
    with use_db(session, WorkDB.Mode.create) as database:
        commands.init(files, database, {})
        found = [item.mutations[0] for item in database.work_items]
    lines = {file: Path(ROOT, file).read_text("utf-8").splitlines() for file in files}
    return [
        each
        for each in found
        if not each.operator_name.startswith(LEFT_OUT)
        and not lines[each.module_path][each.start_pos[0] - 1].lstrip().startswith("@")
    ]


def sample(found: list[MutationSpec], rng: random.Random) -> list[MutationSpec]:
    """One random mutation of each line, the lines in random order."""
    by_line: dict[tuple[Path, int], list[MutationSpec]] = defaultdict(list)
    for each in found:
        by_line[each.module_path, each.start_pos[0]].append(each)
    chosen = [rng.choice(each) for each in by_line.values()]
    rng.shuffle(chosen)
    return chosen


def notice(task: tuple[MutationSpec, str]) -> tuple[MutationSpec, bool, str]:
    """Mutate this process's copy of the tree and run `tests`: the mutation, whether it was noticed, its diff."""
    mutation, tests = task
    result = mutate_and_test([mutation], f"{PYTEST} {tests}", TIMEOUT_S)
    return mutation, result.test_outcome != TestOutcome.SURVIVED, result.diff or ""


def _run_unchanged(tests: str) -> tuple[TestOutcome, str]:
    outcome, output = run_tests(f"{PYTEST} {tests}", TIMEOUT_S)
    return outcome, output


def _enter_copy(folder: str) -> None:
    copy = Path(tempfile.mkdtemp(dir=folder))
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy / name)
    os.chdir(copy)
    os.environ.update(PYTHONPATH=str(copy), OMP_NUM_THREADS="1", HYPOTHESIS_STORAGE_DIRECTORY=str(copy / ".hypothesis"))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=150, help="lines to change at most")
    parser.add_argument("--minutes", type=float, default=20.0, help="begin no change after so long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--least", type=float, default=80.0, help="percent that must be noticed")
    parser.add_argument("--only", choices=list(FOLDERS), help="one folder")
    given = parser.parse_args()
    os.chdir(ROOT)
    ends = time.monotonic() + 60 * given.minutes
    with tempfile.TemporaryDirectory() as work:
        found = []
        for number, folder in enumerate([given.only] if given.only else FOLDERS):
            found += mutations(folder, Path(work, f"{number}.sqlite"))
        chosen = sample(found, random.Random(given.seed))[: given.count]
        tasks = [(each, FOLDERS[each.module_path.parent.as_posix()]) for each in chosen]
        tried, noticed = Counter[str](), Counter[str]()
        with multiprocessing.Pool(given.jobs, _enter_copy, (work,)) as pool:
            for tests, (outcome, output) in zip(
                FOLDERS.values(), pool.map(_run_unchanged, FOLDERS.values()), strict=True
            ):
                if outcome != TestOutcome.SURVIVED:
                    sys.exit(f"{tests} fails without any change, mend that first:\n{output}")
            for mutation, is_noticed, diff in pool.imap_unordered(notice, tasks):
                folder = mutation.module_path.parent.as_posix()
                tried[folder] += 1
                noticed[folder] += is_noticed
                if not is_noticed:
                    print(
                        f"not noticed: {mutation.module_path}:{mutation.start_pos[0]} {mutation.operator_name}\n{diff}"
                    )
                if time.monotonic() > ends:
                    pool.terminate()
                    break
    print(f"{'folder':18}{'tried':>7}{'noticed':>9}{'share':>8}")
    for folder in tried:
        print(f"{folder:18}{tried[folder]:7}{noticed[folder]:9}{noticed[folder] / tried[folder]:8.0%}")
    share = 100 * noticed.total() / max(1, tried.total())
    print(f"{noticed.total()} of {tried.total()} changed lines noticed: {share:.0f} %")
    sys.exit(0 if share >= given.least else 1)


if __name__ == "__main__":
    main()
