"""`aimv render`, `aimv keys` and `aimv models`: this host as one that renders, its keys and its models."""

from rich.console import Console
from rich.text import Text

from aimv.cli.options import command, console
from aimv.options import Host, Keys
from engine.errors import AimvError, ModelError


@command
def render(host: Host) -> None:
    """Render for `aimv export` and `aimv play` on other hosts, one at a time, until Ctrl-C.

    Run `aimv keys` on both hosts first, and copy the public key of each into the key folder of the other. Traffic is
    encrypted, and only hosts with such a key are served.

    [dim]Examples:[/dim]

        aimv render --bind tcp://0.0.0.0:5599
        aimv export song.wav --worker tcp://gpu-host:5599
    """
    from aimv.app.export import clip_cache
    from engine.generators.registry import select_generator
    from engine.render.auth import authorized_keys, own_key_pair
    from engine.render.transport import WorkerOffer
    from engine.worker.main import serve

    offer = WorkerOffer(host.bind, own_key_pair(host.keys), authorized_keys(host.keys))
    selection = select_generator(host.generator, host.model)
    console.print(f"generator: {selection.reason}")
    ready = f"waiting for work at {host.bind}"
    with clip_cache() as cache:
        serve(offer, selection.generator, selection.model.id, cache, lambda: console.print(ready))


@command
def keys(folder: Keys) -> None:
    """Make the key pair of this host, and print where to copy its public key.

    [dim]Example:[/dim]

        aimv keys
    """
    from engine.render.auth import OTHERS, OWN, create_key_pair

    public, others = folder.keys / f"{OWN}.key", folder.keys / OTHERS
    if not public.exists():
        create_key_pair(folder.keys, OWN)
    others.mkdir(exist_ok=True, mode=0o700)
    console.print(f"{public}: give this file to the other host, to be put there as {OTHERS}/NAME-OF-THIS-HOST.key")
    console.print(f"{others}: put the other host's own.key here, as NAME-OF-THAT-HOST.key")


@command
def models() -> None:
    """List every model: its path, its checksum, and what to do when it is missing."""
    from engine.analysis.instruments import read_pinned, shipped_model
    from engine.analysis.transcription.models import available, computing
    from engine.files import sha256_of
    from engine.generators.registry import listed, select_generator

    path = shipped_model()
    try:
        read_pinned(path)
        found, how = f"{path}, SHA-256 {sha256_of(path)[:12]} as published", ""
    except ModelError as error:
        found, how = "", str(error)
    _print_model("instruments", "instruments", found, "Apache-2.0", how)
    for info in available():
        found = str(info.path or "")
        if info.sha256_ok is not None:
            found += ", SHA-256 as published" if info.sha256_ok else ", SHA-256 differs: install it again"
        _print_model(info.name, f"words ({computing()[1]})", found, info.licence, info.how)
    for spec in listed():
        try:
            select_generator(spec.name)
            found, how = "on this machine", f"use it with --generator {spec.name}"
        except AimvError:
            found, how = "", spec.how_to_get
        name, how = spec.default_model or spec.name, f"{spec.summary} ({spec.capabilities}); {how}"
        _print_model(name, f"pictures ({spec.name})", found, spec.licence, how)


def _print_model(name: str, use: str, found: str, licence: str, how: str) -> None:
    out = Console(highlight=False, soft_wrap=True, markup=False)
    line = Text("✓ " if found else "· ", style="green" if found else "dim")
    line.append(f"{name:24}", style="bold" if found else "")
    out.print(line.append(f"{use:22}{licence}", style="dim"))
    out.print(f"    {found or 'not on this machine'}")
    if how:
        out.print(Text(f"    {how}", style="dim"))
