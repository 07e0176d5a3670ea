"""What runs on a node of a cluster: it makes work ready, does it to parts, and sends what was made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar, Self

from threadpoolctl import threadpool_limits

from tellapart.errors import TellapartError
from tellapart.progress import Progress, Silent
from tellapart.workers.cluster import load_ray
from tellapart.workers.pool import Do, Packed


class Noted(Silent):
    """A listener that keeps notes."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        """Keep it."""
        self.notes.append(message)


@dataclass(slots=True)
class Worker:
    """What runs on a node. It keeps the work that it did last ready, with its compiled base."""

    ready: dict[int, tuple[Any, Do[Any]]] = field(default_factory=dict)

    def installed(self) -> str:
        """The version of tellapart that it runs."""
        return own_version()

    def do(self, number: int, sent: list[Any], part: Any) -> tuple[Packed | TellapartError, list[str]]:  # noqa: ANN401
        """What is made of a part, or of a piece, by work of that number, whose reference is in the list; and notes.

        An error of ours is given back, since Ray would wrap it.
        """
        progress = Noted()
        try:
            if number not in self.ready:
                self.ready.clear()
                work = load_ray().get(sent[0])
                self.ready[number] = work, work.open()
            work, do = self.ready[number]
            return work.pack(do(part, progress)), progress.notes
        except TellapartError as error:
            return error, progress.notes


@dataclass(frozen=True, slots=True)
class Doing:
    """A function of pieces as work: what it makes travels as it is."""

    do: Callable[[Any], Any]
    stage: ClassVar[str] = ""  # whoever asks for it tells of it

    def open(self) -> Do[Any]:
        """It is ready."""
        return self.make

    def make(self, piece: Any, progress: Progress) -> Any:  # noqa: ANN401, ARG002
        """What is made of a piece. It is dealt to threads: a second one behind each product would wait for the rest."""
        with threadpool_limits(limits=1, user_api="blas"):
            return self.do(piece)

    def away(self) -> Self:
        """The same."""
        return self

    def pack(self, made: Any) -> Any:  # noqa: ANN401
        """The same."""
        return made

    def unpack(self, part: Any, packed: Any) -> Any:  # noqa: ANN401, ARG002
        """The same."""
        return packed


def own_version() -> str:
    """The version of tellapart as it is installed."""
    try:
        return version("tellapart")
    except PackageNotFoundError:
        return "unknown"
