"""`aimv models`: every model, where it was found, whether it is the published one, and how to get it."""

import importlib.util

from engine.listen.whisper_models import available
from rich.console import Console
from rich.table import Table

from engine.errors import ModelError
from engine.files import sha256_of
from engine.listen.instruments import read_pinned, shipped_model
from engine.render.generators.choose import DEFAULT_COGVIDEOX, is_at_hand


def models() -> None:
    """List every model: where it was found, its checksum, and what to do when it is missing."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("model", "for", "found", "sha256", "licence", "how to get it"):
        table.add_column(heading, overflow="fold")
    path = shipped_model()
    try:
        read_pinned(path)
        table.add_row(
            "instruments", "instruments", str(path), f"{sha256_of(path)[:12]} ok", "Apache-2.0", "ships with AIMV"
        )
    except ModelError as error:
        table.add_row("instruments", "instruments", "missing or damaged", "-", "Apache-2.0", str(error))
    for info in available():
        checked = "-" if info.sha256_ok is None else "ok" if info.sha256_ok else "differs"
        table.add_row(info.name, "words", str(info.path or "missing"), checked, info.licence, info.how)
    found = "in the hub cache or folder" if _cogvideo_installed() and is_at_hand(DEFAULT_COGVIDEOX) else "missing"
    extra = "" if _cogvideo_installed() else "pip install 'aimv[cogvideo]', then "
    table.add_row(
        DEFAULT_COGVIDEOX, "pictures (cogvideox)", found, "-", "Apache-2.0", f"{extra}hf download {DEFAULT_COGVIDEOX}"
    )
    Console().print(table)


def _cogvideo_installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "diffusers", "transformers"))
