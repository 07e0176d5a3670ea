"""How long a connection may be open without a request on it, or with an answer that nobody takes.

uvicorn waits for both for ever. It counts connections, and turns everybody away where there are too many; so silent and
deaf ones, which cost whoever opens them nothing and need no key, must come to an end.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final

SLOWEST: Final = 1_000  # bytes a second that whoever asked takes of an answer, at the least
UNSENT: Final = 16_384  # bytes that the system takes beyond those on their way
# By which it is told that. A system without it says only now and then that some were taken, as if nobody had read.
FINE: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", None)


class Impatience(asyncio.Protocol):
    """Stands before uvicorn's own protocol; `cycle` is a request with the answer to it."""

    seconds: float
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    cycle: Any
    late: asyncio.TimerHandle | None = None
    unread: asyncio.TimerHandle | None = None
    left: int = 0  # bytes of answers that had still to be taken when that was last looked at

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if FINE is not None:
            self.transport.set_write_buffer_limits(high=0)  # so that it is told of every byte that waits
            self.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, FINE, UNSENT)
        self.watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self.stop_watching()
        super().connection_lost(exc)
        self.stop_watching_reader()

    def pause_writing(self) -> None:
        super().pause_writing()
        if FINE is not None:
            self.watch_reader()

    def resume_writing(self) -> None:
        self.stop_watching_reader()
        super().resume_writing()

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

    def watch_reader(self) -> None:
        """Look again whether what waits is being taken."""
        self.left = self.transport.get_write_buffer_size()
        self.unread = self.loop.call_later(self.seconds, self.give_up_reader)

    def stop_watching_reader(self) -> None:
        if self.unread is not None:
            self.unread.cancel()
            self.unread = None

    def give_up_reader(self) -> None:
        """An end at once: to close would wait until all is taken."""
        if self.left - self.transport.get_write_buffer_size() < SLOWEST * self.seconds:
            self.transport.abort()
        else:
            self.watch_reader()


def impatient(seconds: float) -> type:
    """A protocol for uvicorn that closes a connection which shows no whole head of a request in so many seconds.

    Bytes of a head that is never finished do not put it off. A request that is being worked on has its own limits. It
    ends one, too, on which an answer waits and is not taken for so many seconds, or more slowly than SLOWEST.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    return type("Impatient", (Impatience, H11Protocol), {"seconds": seconds})
