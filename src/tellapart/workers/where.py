"""What --on says: where pictures are looked at and compared."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tellapart.errors import UsageError
from tellapart.progress import Progress
from tellapart.types import Index, Picture
from tellapart.workers.pool import HERE, Made, Piece, Places, Work, Workers, as_it_is
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
    """Whoever works where --on says, until the block ends; those of a cluster come when they are needed.

    Raises:
        UsageError: there is no such place.
    """
    address = address_of(where)
    if address is None:
        yield HERE
        return
    with contextlib.ExitStack() as stack:
        yield Later(lambda: stack.enter_context(ray_pool(address, progress)))


@dataclass(slots=True)
class Later:
    """Workers that are hired when they are needed: what else is asked for has been checked by then."""

    hire: Callable[[], Workers]
    pool: Workers | None = None

    elsewhere: ClassVar[bool] = True

    def ready(self) -> None:
        """Hire them."""
        self._hired()

    def part_size(self, count: int) -> int:
        """As they say."""
        return self._hired().part_size(count)

    def dealt(self, pictures: Sequence[Picture], size: int) -> list[Places]:
        """As they say."""
        return self._hired().dealt(pictures, size)

    def each(
        self,
        work: Work[Made],
        parts: Iterable[Index],
        *,
        total: int,
        progress: Progress,
        remember: bool = False,
    ) -> Iterator[Made]:
        """As they do it."""
        return self._hired().each(work, parts, total=total, progress=progress, remember=remember)

    def map(
        self,
        do: Callable[[Piece], Made],
        pieces: Iterable[Piece],
        *,
        told: Callable[[Piece], str],
        away: Callable[[Piece], Piece] = as_it_is,
    ) -> Iterator[Made]:
        """As they do it."""
        return self._hired().map(do, pieces, told=told, away=away)

    def _hired(self) -> Workers:
        if self.pool is None:
            self.pool = self.hire()
        return self.pool
