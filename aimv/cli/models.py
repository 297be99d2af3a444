"""`aimv models`: every model, where it was found, whether it is the published one, and how to get it."""

from rich.console import Console
from rich.text import Text

from aimv.cli.commands import command
from engine.errors import AimvError, ModelError


@command
def models() -> None:
    """List every model: where it was found, its checksum, and what to do when it is missing."""
    from engine.analysis.model_files import read_pinned, shipped_model
    from engine.analysis.transcription.models import available, computing
    from engine.files import sha256_of
    from engine.generators.registry import listed, select_generator

    path = shipped_model()
    try:
        read_pinned(path)
        _print("instruments", "instruments", f"{path}, SHA-256 {sha256_of(path)[:12]} as published", "Apache-2.0", "")
    except ModelError as error:
        _print("instruments", "instruments", "", "Apache-2.0", str(error))
    for info in available():
        found = str(info.path or "")
        if info.sha256_ok is not None:
            found += ", SHA-256 as published" if info.sha256_ok else ", SHA-256 differs: install it again"
        _print(info.name, f"words ({computing()[1]})", found, info.licence, info.how)
    for spec in listed():
        try:
            select_generator(spec.name)
            found, how = "on this machine", f"use it with --generator {spec.name}"
        except AimvError:
            found, how = "", spec.how_to_get
        _print(spec.default_model or spec.name, f"pictures ({spec.name})", found, spec.licence, how)


def _print(name: str, use: str, found: str, licence: str, how: str) -> None:
    out = Console(highlight=False, soft_wrap=True, markup=False)
    line = Text("✓ " if found else "· ", style="green" if found else "dim")
    line.append(f"{name:24}", style="bold" if found else "")
    out.print(line.append(f"{use:22}{licence}", style="dim"))
    out.print(f"    {found or 'not on this machine'}")
    if how:
        out.print(Text(f"    {how}", style="dim"))
