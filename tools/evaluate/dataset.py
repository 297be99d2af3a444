"""Loading of a local data set through mirdata: complete or rejected, never downloaded."""

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.errors import MissingExtra, UsageError


def load_dataset(name: str, folder: Path, version: str = "default", needs: Iterable[str] = ()) -> Any:
    """The mirdata data set ``name`` in ``folder``, where its archives are unpacked.

    mirdata's index is read from ``folder`` or else from mirdata's own folder. ``needs`` names files that must exist
    before tracks can be read. Raises UsageError that names what is missing, and where.
    """
    try:
        mirdata = importlib.import_module("mirdata")
    except ImportError as error:
        raise MissingExtra("reading a data set", "evaluate") from error
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}: name the one that holds {name}")
    dataset = mirdata.initialize(name, data_home=str(folder), version=version)
    index = Path(dataset.index_path)
    if (folder / index.name).is_file():
        dataset.index_path = str(folder / index.name)
    elif not index.is_file():
        fetch = f"mirdata.initialize('{name}', version='{version}').download(['index'])"
        raise UsageError(
            f"mirdata's index of {name}, {index.name}, is neither in {folder} nor in {index.parent}: "
            f'fetch it with python -c "import mirdata; {fetch}"'
        )
    check_complete(name, (folder / need for need in needs))
    return dataset


def check_complete(name: str, paths: Iterable[str | Path]) -> None:
    """Raise UsageError unless all ``paths`` are files: figures of a part cannot be compared."""
    every = [Path(path) for path in paths]
    missing = [path for path in every if not path.is_file()]
    if missing:
        raise UsageError(
            f"{name}: {len(missing)} of {len(every)} files are missing, the first is {missing[0]}: "
            "unpack the data set's archives as they come into the folder you name"
        )
