"""Memory that a training gives back and asks for again in every step stays with the process while it lasts.

The C library of Linux gives large pieces back to the system as soon as they are free, and the system hands them out
again page by page, each of them filled with zeros first. A step of training frees and takes hundreds of megabytes: on
the chapter's net this took a quarter of all processor time (docs/log.md).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

# Of glibc's malloc.h: parameters of mallopt(3).
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
MOST: Final = 2**31 - 1
USUAL_MAPS: Final = 65_536  # pieces of the system's own that glibc holds at most, unless told otherwise
LARGE: Final = 32 << 20  # bytes: where glibc's own threshold ends up in a program that frees large pieces
OWN_SETTINGS: Final = ("MALLOC_", "GLIBC_TUNABLES")  # how a user speaks to glibc


@contextmanager
def kept_memory() -> Iterator[None]:
    """While it lasts, freed memory is used again; then it is given back. Nothing where there is no glibc.

    Whoever has told glibc in the environment what to do is left alone.
    """
    library = _glibc()
    if library is None or any(name.startswith(OWN_SETTINGS) for name in os.environ):
        yield
        return
    library.mallopt(MMAP_MAX, 0)
    library.mallopt(TRIM_THRESHOLD, MOST)
    try:
        yield
    finally:
        library.mallopt(MMAP_MAX, USUAL_MAPS)
        library.mallopt(MMAP_THRESHOLD, LARGE)  # it no longer moves by itself once it was spoken to
        library.mallopt(TRIM_THRESHOLD, 2 * LARGE)
        library.malloc_trim(0)


def _glibc() -> Any:  # noqa: ANN401 - a library
    """The C library of this process, where it is glibc; else None."""
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - another C library has no such name
    except (OSError, TypeError, AttributeError):
        return None
    return library
