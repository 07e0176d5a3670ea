"""What --on says: where pictures are looked at."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tellapart.errors import UsageError
from tellapart.progress import Progress
from tellapart.workers.pool import HERE, Workers
from tellapart.workers.ray_pool import ray_pool

LOCAL, RAY, AUTO = "local", "ray", "auto"
HINT = "Say local, ray (a cluster of its own on this machine), ray:auto or ray:HOST:PORT (one that runs)."


def address_of(where: str) -> str | None:
    """The address of a cluster in what --on says: "" for one of our own; None for this process.

    Raises:
        UsageError: it is none of what can be said.
    """
    if where == LOCAL:
        return None
    kind, colon, address = where.partition(":")
    if kind != RAY or (colon and not (address == AUTO or _is_host_and_port(address))):
        raise UsageError("no such place to work on", where=where, hint=HINT)
    return address


def _is_host_and_port(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return bool(host) and "/" not in host and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536


@contextlib.contextmanager
def hired(where: str, progress: Progress) -> Iterator[Workers]:
    """Whoever works where --on says, until the block ends.

    Raises:
        UsageError: there is no such place, no cluster answers at the address, or none of its nodes is free.
        MissingExtraError: Ray is not installed here, or tellapart is not installed there.
    """
    address = address_of(where)
    if address is None:
        yield HERE
        return
    with ray_pool(address, progress) as workers:
        yield workers
