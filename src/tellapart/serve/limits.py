"""What one server takes on; beyond each limit stands a status of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds of a server.

    Attributes:
        body: bytes of a request's body; beyond them 413.
        pictures: in one request; beyond them 413.
        megapixels: of one picture, by its header; beyond them 422.
        body_seconds: that a body may take to arrive; beyond them 408.
        answer_seconds: that an answer may take; beyond them 504.
        requests: that are worked on at one time; beyond them 429.
        waiting: pictures that are asked for and not answered; beyond them 503.
    """

    body: int = 32_000_000
    pictures: int = 64
    megapixels: float = 50.0
    body_seconds: float = 30.0
    answer_seconds: float = 60.0
    requests: int = 32
    waiting: int = 256
