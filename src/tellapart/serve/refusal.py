"""Why a request is refused: a status, a code for programs, and a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REFUSALS: Final[Mapping[str, tuple[int, str]]] = {
    "malformed": (400, "The body cannot be read as what its headers say."),
    "no_picture": (400, "There is no picture in the request."),
    "no_key": (401, "This server asks for a key: Authorization: Bearer KEY."),
    "not_found": (404, "There is nothing here."),
    "wrong_method": (405, "This address is not asked in that way."),
    "slow_body": (408, "The body took too long to arrive."),
    "too_many_bytes": (413, "The body is too large."),
    "too_many_pictures": (413, "There are too many pictures in one request."),
    "unreadable": (415, "The picture cannot be read."),
    "too_many_pixels": (422, "The picture has too many pixels."),
    "unknown_class": (422, "The model does not know this class."),
    "too_many_requests": (429, "Too many requests are being worked on; try again soon."),
    "own_fault": (500, "A fault of ours; the log has more."),
    "queue_full": (503, "Too many pictures are waiting; try again soon."),
    "stopping": (503, "The server is stopping."),
    "too_slow": (504, "The answer took too long."),
}
RETRY_AFTER: Final = {"too_many_requests": "1", "queue_full": "1", "stopping": "5"}  # seconds


class RefusalError(Exception):
    """A request is refused."""

    def __init__(self, code: str, *, detail: str = "") -> None:
        """By one of REFUSALS, and what else is to be said."""
        self.code, self.detail = code, detail
        self.status, self.sentence = REFUSALS[code]
        super().__init__(code)

    def to_json(self, *, request: str) -> dict[str, str]:
        told = {"error": self.sentence, "code": self.code, "request": request}
        return {**told, "detail": self.detail} if self.detail else told
