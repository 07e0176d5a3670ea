"""Results about many pictures, kept on disk beside their features: what takes long and comes out the same every time.

A result is found by the sha256 of everything that went into it, and of the source that makes it: where a line of that
has changed, it is made anew. It stands in the store of the features (see `cache`), under a checksum of its own, in the
same room, and is removed with them; a damaged one is made anew too. It is data only, JSON and numbers, of bounded size.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

import tellapart
from tellapart.features.cache import Entry
from tellapart.features.look import usable_cache
from tellapart.progress import Silent

LARGEST = 8_000_000  # bytes; half of what the store takes
BELIED = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError, RecursionError)
Input = bytes | NDArray[Any]  # an array in one piece, of any shape and type
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Generic[Result]):
    """The place of one result.

    Attributes:
        key: of `result_key`.
        pack: the result as bytes; none, or more than LARGEST, are not kept.
        unpack: the result from those; raises one of BELIED where they cannot be it.
    """

    key: bytes
    pack: Callable[[Result], bytes]
    unpack: Callable[[bytes], Result]

    def get(self) -> Result | None:
        """The result, or None where it is not kept, or damaged."""
        with usable_cache(Silent()) as store:
            found = store.get(self.key) if store else None
        try:
            return self.unpack(found.more) if found is not None and found.more else None
        except BELIED:
            return None

    def put(self, result: Result) -> Result:
        """Keep a result where the user's cache can be used; the result itself."""
        packed = self.pack(result)
        if 0 < len(packed) <= LARGEST:
            with usable_cache(Silent()) as store:
                if store:
                    store.put([(self.key, Entry(row=np.empty(0, np.float16), notes="", more=packed))])
        return result


def result_key(what: str, inputs: Iterable[Input], *, sources: Iterable[str]) -> bytes:
    """The key [32 bytes] of a result.

    Args:
        what: the kind of result.
        inputs: everything that it depends on, in order.
        sources: the files and folders of this package, relative to it, that it is made by.
    """
    digest = hashlib.sha256(what.encode())
    for one in inputs:
        said = repr((one.dtype.str, one.shape)) if isinstance(one, np.ndarray) else str(len(one))
        digest.update(f"\x1f{said}\x1f".encode())
        digest.update(one.data if isinstance(one, np.ndarray) else one)
    for name in sources:
        digest.update(source_digest(name))
    return digest.digest()


@cache
def source_digest(name: str) -> bytes:
    """sha256 of one file of this package or of all in one of its folders, and of what computes for it."""
    place = Path(tellapart.__file__).parent / name
    digest = hashlib.sha256("\x1f".join((tellapart.__version__, np.__version__, installed("scipy"))).encode())
    for file in [place] if place.suffix else sorted(place.rglob("*.py")):
        content = file.read_bytes()
        digest.update(f"\x1f{file.name}\x1f{len(content)}\x1f".encode() + content)
    return digest.digest()


@cache
def installed(package: str) -> str:
    """The version of a package, without importing it; "" where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
