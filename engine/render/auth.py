"""CURVE key pairs (ZeroMQ RFC 26) that authenticate hosts to each other and encrypt what they exchange.

A key pair is two files, as pyzmq writes them: `NAME.key` with the public key, for the other host, and
`NAME.key_secret`, which only its owner can read. A folder of keys contains this host's pair, `own`, and in `others/`
the public keys of hosts that render for this one or for which this one renders.
"""

import struct
from pathlib import Path

import msgspec
import zmq.auth
from zmq.utils import z85

from engine.errors import OutputError, UsageError

_KEY_BYTES = 32
OWN, OTHERS = "own", "others"  # the name of this host's pair, the folder of public keys


class KeyPair(msgspec.Struct, frozen=True):
    """A key pair (Z85 text as bytes)."""

    public: bytes
    secret: bytes


def create_key_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a new key pair and return its files, the public one first.

    Raises:
        OutputError: the folder cannot be written to, or has keys of that name already.
    """
    public, secret = folder / f"{name}.key", folder / f"{name}.key_secret"
    if public.exists() or secret.exists():
        raise OutputError(f"{folder} has keys called {name} already; choose another name or remove them", option="keys")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        zmq.auth.create_certificates(folder, name)
        secret.chmod(0o600)
    except OSError as error:
        raise OutputError(f"cannot write keys to {folder}: {error.strerror or error}", option="keys") from error
    return public, secret


def own_key_pair(folder: Path) -> KeyPair:
    """The pair of this host in a folder of keys.

    Raises:
        UsageError: there is none.
    """
    path = folder / f"{OWN}.key_secret"
    if not path.exists():
        raise UsageError(f"there are no keys in {folder}: make them first", option="keys")
    return read_key_pair(path)


def authorized_keys(folder: Path) -> Path:
    """The folder of the public keys of hosts that this host renders for.

    Raises:
        UsageError: there are none.
    """
    others = folder / OTHERS
    if not any(others.glob("*.key")):
        raise UsageError(
            f"this host may render for no other yet: put the public keys of those that may use it into {others}",
            option="keys",
        )
    return others


def public_key_of(folder: Path, host: str) -> bytes:
    """The public key of a host that renders for this one: `others/HOST.key`, or the only one there.

    Raises:
        UsageError: there is none, or several and none of that name.
    """
    others = folder / OTHERS
    named = others / f"{host}.key"
    if "/" not in host and named.exists():
        return read_public_key(named)
    found = list(others.glob("*.key"))
    if len(found) != 1:
        raise UsageError(
            f"there is no key for {host}: save the public key of that host (its own.key) as {named}", option="keys"
        )
    return read_public_key(found[0])


def read_key_pair(path: Path) -> KeyPair:
    """The key pair in a `.key_secret` file.

    Raises:
        UsageError: it is not there or holds no key pair.
    """
    public, secret = _load(path)
    if secret is None:
        raise UsageError(f"{path} holds no secret key; give the .key_secret file")
    return KeyPair(public, secret)


def read_public_key(path: Path) -> bytes:
    """The public key in a `.key` file.

    Raises:
        UsageError: it is not there or holds no key.
    """
    return _load(path)[0]


def _load(path: Path) -> tuple[bytes, bytes | None]:
    try:
        public, secret = zmq.auth.load_certificate(path)
        whole = all(len(z85.decode(key)) == _KEY_BYTES for key in (public, secret) if key is not None)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as a key: {str(error).splitlines()[0]}") from error
    except (LookupError, struct.error) as error:  # what pyzmq raises for a line without a value and a broken one
        raise UsageError(f"{path} cannot be read as a key: it is damaged") from error
    if not whole:
        raise UsageError(f"{path} cannot be read as a key: it is damaged")
    return public, secret
