"""`aimv render` and `aimv keys`: rendering for other hosts, and the keys by which hosts know each other."""

from aimv.cli.commands import command, console
from aimv.options import Host, Keys


@command
def render(host: Host) -> None:
    """Render for `aimv export` and `aimv play` on other hosts, one at a time, until Ctrl-C.

    Both hosts make keys first (`aimv keys`) and put the other's public key into their folder of keys; what goes over
    the network is encrypted, and nobody else is served.

    [dim]Examples:[/dim]

        aimv render --bind tcp://0.0.0.0:5599
        aimv export song.wav --worker tcp://gpu-host:5599
    """
    from aimv.app.export import clip_cache
    from engine.generators.registry import select_generator
    from engine.render.auth import allowed, own_key_pair
    from engine.render.transport import WorkerOffer
    from engine.worker.main import serve

    offer = WorkerOffer(host.bind, own_key_pair(host.keys), allowed(host.keys))
    selection = select_generator(host.generator, host.model)
    console.print(f"generator: {selection.reason}")

    def ready() -> None:
        console.print(f"waiting for work at {host.bind}")

    with clip_cache() as cache:
        serve(offer, selection.generator, selection.model.id, cache, ready)


@command
def keys(folder: Keys) -> None:
    """Make the keys by which this host is known to others, and print where they go.

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
