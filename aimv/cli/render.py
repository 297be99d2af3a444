"""`aimv render` and `aimv keys`: rendering for other hosts, and the keys by which hosts know each other."""

from typing import Annotated

import typer

from aimv.app.export import clip_cache
from aimv.cli.options import KEYS, KeysFolder
from aimv.cli.progress import console
from engine.generators.registry import names, select_generator
from engine.render.auth import OTHERS, OWN, allowed, create_key_pair, own_key_pair
from engine.render.transport import WorkerOffer
from engine.worker.main import serve


def render(
    bind: Annotated[
        str, typer.Option(help="Where to wait for work: an address of this host.", metavar="tcp://HOST:PORT")
    ],
    generator: Annotated[str, typer.Option(help=f"What makes the pictures: {', '.join(names())}.")] = "auto",
    model: Annotated[
        str, typer.Option(help="Hub id or folder, for a generator that loads a model.", metavar="ID_OR_FOLDER")
    ] = "",
    keys: KeysFolder = KEYS,
) -> None:
    """Render for `aimv export` and `aimv play` on other hosts, one at a time, until Ctrl-C.

    Both hosts make keys first (`aimv keys`) and put the other's public key into their folder of keys; what goes over
    the network is encrypted, and nobody else is served.

    [dim]Examples:[/dim]

        aimv render --bind tcp://0.0.0.0:5599
        aimv export song.wav --worker tcp://gpu-host:5599
    """
    offer = WorkerOffer(bind, own_key_pair(keys), allowed(keys))
    selection = select_generator(generator, model)
    console.print(f"generator: {selection.reason}")
    with clip_cache() as store:
        serve(
            offer, selection.generator, selection.model.id, store, lambda: console.print(f"waiting for work at {bind}")
        )


def keys(keys: KeysFolder = KEYS) -> None:
    """Make the keys by which this host is known to others, and say where they go.

    [dim]Example:[/dim]

        aimv keys
    """
    public = keys / f"{OWN}.key"
    if not public.exists():
        create_key_pair(keys, OWN)
    (keys / OTHERS).mkdir(exist_ok=True, mode=0o700)
    console.print(f"{public}: give this file to the other host, to be put there as {OTHERS}/NAME-OF-THIS-HOST.key")
    console.print(f"{keys / OTHERS}: put the other host's own.key here, as NAME-OF-THAT-HOST.key")
