"""Who renders: so many processes on this host, and those that other hosts offer."""

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from engine.errors import UsageError
from engine.render.keys import key_of_host, own_keys
from engine.render.remote import Remote

MOST = 16  # processes on one host


class Crew(msgspec.Struct, frozen=True):
    """The workers of a renderer."""

    local: int = 1
    remotes: tuple[Remote, ...] = ()

    @property
    def size(self) -> int:
        """How many clips can be in work at once."""
        return self.local + len(self.remotes)


def crew(local: int, addresses: tuple[str, ...], keys: Path) -> Crew:
    """`local` processes here and one at each of the `addresses` (tcp://HOST:PORT), with the keys in folder `keys`.

    Raises:
        UsageError: nobody would render, an address is none, or keys are missing.
    """
    if not 0 <= local <= MOST:
        raise UsageError(f"{local} render processes are not possible: choose from 0 to {MOST}")
    if not local and not addresses:
        raise UsageError("nobody would render: ask for at least one process here, or name one with --worker")
    return Crew(
        local, tuple(Remote(address, key_of_host(keys, _host(address)), own_keys(keys)) for address in addresses)
    )


def _host(address: str) -> str:
    try:
        parts = urlsplit(address)
        if parts.scheme == "tcp" and parts.hostname and parts.port:
            return parts.hostname
    except ValueError:
        pass
    raise UsageError(f"{address} is no address of a render process: give tcp://HOST:PORT")
