"""Which part or piece of a work is given to which worker next, and how much each worker has."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tellapart.types import Index
from tellapart.workers.pool import portable

AT_A_TIME: Final = 2  # parts of a worker: one at work, one waiting


@dataclass(slots=True, eq=False)
class Hand:
    """A worker as the pool sees it: its process, the node it is on and its address, and how many parts it has."""

    actor: Any
    node: str
    address: str
    parts: int = 0

    def take(self, one: Given) -> None:
        """It has one more."""
        self.parts += one.room

    def give_back(self, one: Given) -> None:
        """It has it no longer."""
        self.parts -= one.room


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A piece that is in Ray's memory, and what is being done with it, in words for people."""

    reference: Any
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A part or a piece, as it is given out."""

    place: int
    part: Index | Sent
    tries: int = 0

    @property
    def sent(self) -> Any:  # noqa: ANN401
        """The part as it travels."""
        return portable(self.part) if isinstance(self.part, Index) else self.part.reference

    @property
    def asked(self) -> Index | None:
        """The index, where it is one: a piece goes from Ray's memory when nothing names it any more."""
        return self.part if isinstance(self.part, Index) else None

    @property
    def room(self) -> int:
        """The parts in whose place it is with a worker: all of them where one died of it, so that it is alone there."""
        return AT_A_TIME if self.tries else 1


class PartsLeft:
    """The parts that are still to be given out, those that came back before the others.

    A part that a worker may have died of is alone with the next one: if that dies as well, the part was why.
    """

    def __init__(self, parts: Iterable[Index | Sent], seen_on: Mapping[str, str]) -> None:
        """Take the parts as they are asked for; `seen_on` is the node that a picture was looked at on, by its path."""
        self._fresh = (Given(place=place, part=part) for place, part in enumerate(parts))
        self._next = next(self._fresh, None)
        self._waiting = list[Given]()  # fresh ones that may be given out
        self._seen_on = seen_on
        self.again = deque[Given]()

    def __bool__(self) -> bool:
        """Whether any are left."""
        return bool(self.again or self._waiting) or self._next is not None

    def next_for(self, hand: Hand, *, before: int, nodes: Container[str]) -> Given | None:
        """A part for a worker, fresh ones only up to a place; None where it has enough to do.

        What was looked at on one of the nodes that have a worker is for that worker: its cache holds what was seen.
        """
        if self.again:
            return None if hand.parts else self.again.popleft()
        if hand.parts >= AT_A_TIME:
            return None
        offered = self._offered(before)
        suited = (one for one in offered if (node := self._node_of(one)) == hand.node or node not in nodes)
        one = next(suited, None)
        if one is not None:
            self._waiting.remove(one)
        return one

    def _offered(self, before: int) -> Iterator[Given]:
        """What may be given out: fresh ones are taken one by one, since each is held from then on."""
        yield from tuple(self._waiting)
        while self._next is not None and self._next.place < before:
            one, self._next = self._next, next(self._fresh, None)
            self._waiting.append(one)
            yield one

    def _node_of(self, one: Given) -> str:
        pictures = one.part.pictures if self._seen_on and isinstance(one.part, Index) else ()
        return self._seen_on.get(pictures[0].path, "") if pictures else ""
