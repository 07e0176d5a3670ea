"""How long a connection may be open without a request on it: uvicorn waits for the first one for ever.

It counts connections, and turns everybody away where there are too many; so silent ones, which cost whoever opens them
nothing and need no key, must come to an end.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Impatience(asyncio.Protocol):
    """Stands before uvicorn's own protocol; `cycle` is a request with the answer to it."""

    seconds: float
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    cycle: Any
    late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_watching()
        super().connection_lost(exc)

    def is_working(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def watch(self) -> None:
        """Let the time run while no request is being worked on."""
        if self.is_working():
            self.stop_watching()
        elif self.late is None:
            self.late = self.loop.call_later(self.seconds, self.give_up)

    def stop_watching(self) -> None:
        if self.late is not None:
            self.late.cancel()
            self.late = None

    def give_up(self) -> None:
        self.late = None
        if not self.is_working():
            self.transport.close()


def impatient(seconds: float) -> type:
    """A protocol for uvicorn that closes a connection which shows no whole head of a request in so many seconds.

    Bytes of a head that is never finished do not put it off. A request that is being worked on has its own limits.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    return type("Impatient", (Impatience, H11Protocol), {"seconds": seconds})
