"""Arrays too large for memory, in a file that is mapped into it, with all of its disk space reserved beforehand."""

from __future__ import annotations

import errno
import io
import math
import os
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.lib.format import open_memmap, write_array_header_1_0
from numpy.typing import DTypeLike, NDArray

from tellapart.files import open_regular, output_error

BLOCK: Final = 1 << 20  # bytes of zeros written at once where space cannot be reserved
UNSUPPORTED: Final = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS)


def reserved_array(path: Path, *, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array of zeros in a new .npy file at path that is mapped into memory; a file that is there is written over.

    Without the reservation, the file would be sparse, and a full disk would kill the process (SIGBUS) at whatever
    element it was about to write. Here it is an error before anything is computed, and the file is removed.

    Raises:
        OutputError: the file cannot be written, or the disk has too little space for it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            first = open_memmap(path, mode="w+", dtype=np.dtype(dtype), shape=shape).offset
            with path.open("r+b") as file:
                _reserve(file, first=first, size=os.fstat(file.fileno()).st_size)
            return open_memmap(path, mode="r+")
        except OSError:
            path.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise output_error(error, path) from error


def kept_array(path: Path, *, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any] | None:
    """The array in a .npy file, mapped into memory to be read; None where there is none, or not one of that shape."""
    kind = np.dtype(dtype)
    wanted = io.BytesIO()
    write_array_header_1_0(wanted, {"descr": kind.str, "fortran_order": False, "shape": shape})
    head = wanted.getvalue()
    try:
        with open_regular(path) as file:  # its header is compared and not read: numpy reads it as Python's own text
            size = os.fstat(file.fileno()).st_size
            if file.read(len(head)) != head or size != len(head) + kind.itemsize * math.prod(shape):
                return None
            return np.memmap(file, kind, mode="r", offset=len(head), shape=shape)
    except (OSError, ValueError):
        return None


def _reserve(file: BinaryIO, *, first: int, size: int) -> None:
    """Give a sparse file all the space up to its size; what comes before byte first stays as it is."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
        else:
            return
    zeros = bytes(BLOCK)
    file.seek(first)
    file.writelines(zeros[: size - start] for start in range(first, size, BLOCK))
    file.flush()
    os.fsync(file.fileno())
