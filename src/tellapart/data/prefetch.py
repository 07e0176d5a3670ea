"""Looking ahead: what is wanted next is made by threads while the caller is busy with what came before."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Final, TypeVar

import numpy as np

from tellapart.errors import PictureError
from tellapart.stores import StoredObject
from tellapart.types import Index, Picture

READERS: Final = 8  # threads that wait for a store, and decode between; more than cores
SMALL: Final = 64 * 64 * 3  # bytes of a picture in memory that is made into a square sooner than handed to a thread
Source = TypeVar("Source")
Result = TypeVar("Result")


def threads_to_read(pictures: Iterable[Picture], threads: int) -> int:
    """How many threads read and decode: so many, and at least READERS where any picture is an object of a store."""
    return max(threads, READERS) if any(isinstance(picture.file, StoredObject) for picture in pictures) else threads


def threads_to_prepare(index: Index, threads: int) -> int:
    """How many threads read pictures and make squares of them: as `threads_to_read`, but one for SMALL ones in memory.

    Nearly all that is done for such a picture holds Python's lock: two threads wait for each other at each of them.
    """
    rows = [picture.row for picture in index.pictures]
    if rows and None not in rows:
        with contextlib.suppress(PictureError):
            first = index.arrays[index.pictures[0].file][rows[0]]  # of a request, the bytes of a file
            return 1 if isinstance(first, np.ndarray) and first.nbytes <= SMALL else threads
    return threads_to_read(index.pictures, threads)


def look_ahead(
    make: Callable[[Source], Result], items: Iterable[Source], *, threads: int, most: int, handful: int = 1
) -> Generator[Result]:
    """What is made of each item, in their order, by threads that run at most `most` items ahead of the caller.

    A thread takes a handful of items at once, where handing them over one by one would cost too much. When the
    generator is closed, or something fails, the threads have ended; so close it where a loop over it may be left early.
    """
    left = iter(items)
    waiting: deque[Future[list[Result]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="ahead") as pool:
        try:
            while some := list(islice(left, handful)):
                waiting.append(pool.submit(lambda some: [make(item) for item in some], some))
                if len(waiting) >= most // handful:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
