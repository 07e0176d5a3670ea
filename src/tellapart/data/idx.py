"""IDX files, the format MNIST came in: pictures uint8 [rows, H, W] and labels uint8 [rows], gzipped or not.

Source: the end of Y. LeCun's page on MNIST. Two zero bytes, the type of the values (8: uint8), the number of
dimensions, each dimension as a big-endian 32-bit number, then the values.
"""

from __future__ import annotations

import gzip
import math
import os
import re
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

import numpy as np
from numpy.typing import NDArray

from tellapart.data.order import picture_order
from tellapart.data.walk import list_folder
from tellapart.errors import DataError
from tellapart.files import open_regular
from tellapart.stores import Origin
from tellapart.text import counted
from tellapart.types import Index, LedgerEntry, Picture, SplitName

LARGEST: Final = 4 << 30  # bytes of pixels that one file may promise
# What a gzipped file may unpack to: digits pack to a fifth, and what packs to less than a hundredth is empty.
UNPACKED, UNPACKED_TIMES = 64_000_000, 100  # bytes, and so many more for each byte of the file
# A picture takes some 300 bytes of memory beside its pixels.
MOST_PICTURES, BYTES_A_PICTURE = 1_000_000, 64  # and one more for each so many bytes of the file
_AGAIN: Final = "Download or copy the file again."
_IMAGES: Final = re.compile(
    r"(?P<start>(?:.*[-_])?(?P<split>train|t10k|test|valid|val))-images(?P<dot>[-.])idx3-ubyte(?P<gz>\.gz)?",
    re.IGNORECASE,
)
_SPLITS: Final[dict[str, SplitName]] = {
    "train": "train",
    "valid": "valid",
    "val": "valid",
    "test": "test",
    "t10k": "test",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    split: SplitName
    images: Path
    labels: Path


def is_idx(name: str) -> bool:
    """Whether a file is called like one of MNIST's."""
    return re.search(r"-idx[13]-ubyte|[.]idx[13]-ubyte", name, re.IGNORECASE) is not None


def holds_idx(folder: Path) -> bool:
    """Whether there is a file with MNIST's name for pictures directly in it.

    Raises:
        DataError: the folder cannot be listed.
    """
    return any(_IMAGES.fullmatch(entry.name) for entry in list_folder(folder))


def scan_idx(folder: Path, *, scoring: bool = False) -> Index:
    """Index the IDX files of a folder; their pixels are read at once. Of one class only to score a model by.

    Raises:
        DataError: pictures without labels, files that do not belong together, damage.
    """
    pairs = _pairs(folder)
    arrays: dict[Origin, NDArray[np.uint8]] = {}
    pictures: list[Picture] = []
    for pair in pairs:
        pixels, labels = read_idx(pair.images, dimensions=3), read_idx(pair.labels, dimensions=1)
        if len(pixels) != len(labels):
            what = f"{counted(len(pixels), 'picture')} but {counted(len(labels), 'label')}"
            raise DataError(what, where=f"{pair.images} and {pair.labels}", hint=_AGAIN)
        arrays[pair.images] = pixels
        pictures += _pictures(pair, labels)
    classes = tuple(sorted({cast("str", picture.label) for picture in pictures}))
    if len(classes) < 2 and not scoring:
        raise DataError(
            f"only one class, {classes[0]!r}", where=folder, hint="There must be at least two to tell apart."
        )
    return Index(
        name=folder.resolve().name or "data",
        root=folder,
        layout="idx",
        classes=classes,
        pictures=tuple(sorted(pictures, key=picture_order)),
        arrays=arrays,
        skipped=tuple(_passed_over(folder, pairs)),
    )


def read_idx(path: Path, *, dimensions: int) -> NDArray[np.uint8]:
    """Read one IDX file of uint8 values.

    Never more is unpacked than the header promises, and no more promised than LARGEST.

    Args:
        path: the file, gzipped if its name ends in .gz.
        dimensions: how many it must have; every one at least 1.

    Raises:
        DataError: it is no such file, or it is longer or shorter than its header says.
    """
    try:
        with open_regular(path) as file:
            packed = path.suffix.lower() == ".gz"
            stream = gzip.GzipFile(fileobj=file, mode="rb") if packed else file
            shape = _shape(stream.read(4 + 4 * dimensions), dimensions)
            _check_size(shape, os.fstat(file.fileno()).st_size, packed=packed)
            return _read(cast("IO[bytes]", stream), math.prod(shape)).reshape(shape)
    except (OSError, EOFError, zlib.error) as error:  # a bad gzip file is an OSError, a short one an EOFError
        raise DataError(f"cannot read the IDX file ({_short(error)})", where=path, hint=_AGAIN) from error
    except ValueError as error:
        raise DataError(f"not an IDX file as expected ({error})", where=path, hint=_AGAIN) from error


def _shape(header: bytes, dimensions: int) -> tuple[int, ...]:
    if header[:4] != bytes((0, 0, 8, dimensions)):
        raise ValueError(f"it starts with {header[:4].hex(' ')}, not 00 00 08 {dimensions:02x}")
    if len(header) < 4 + 4 * dimensions:
        raise ValueError("the header is truncated")
    shape: tuple[int, ...] = struct.unpack(f">{dimensions}I", header[4:])
    if min(shape) == 0:
        raise ValueError(f"it holds nothing: {' x '.join(map(str, shape))}")
    if math.prod(shape) > LARGEST:
        raise ValueError(f"{' x '.join(map(str, shape))} values, more than {LARGEST:,}")
    return shape


def _check_size(shape: tuple[int, ...], size: int, *, packed: bool) -> None:
    """Stop at a header that promises more than a file of so many bytes can mean.

    Raises:
        ValueError: it does.
    """
    values, dimensions = math.prod(shape), " x ".join(map(str, shape))
    if not packed and (there := size - 4 - 4 * len(shape)) < values:
        raise ValueError(f"{there:,} bytes of pixels, the header promises {values:,}")
    if packed and values > UNPACKED + UNPACKED_TIMES * size:
        raise ValueError(f"{dimensions} values out of {size:,} bytes; unpack it first if that is right")
    if shape[0] > MOST_PICTURES + size // BYTES_A_PICTURE:
        raise ValueError(f"{shape[0]:,} pictures in {size:,} bytes")


def _read(file: IO[bytes], size: int) -> NDArray[np.uint8]:
    """Exactly size values; they are read piece by piece into memory that only they make the system give."""
    values, first = np.empty(size, np.uint8), 0
    while first < size and (piece := file.read(min(size - first, 1 << 24))):
        values[first : first + len(piece)] = np.frombuffer(piece, np.uint8)
        first += len(piece)
    if first < size or file.read(1):
        raise ValueError(f"{'more' if first == size else f'{first:,}'} bytes of pixels, the header promises {size:,}")
    values.flags.writeable = False
    return values


def _pairs(folder: Path) -> list[_Pair]:
    """The files that belong together, a file that is not gzipped before its gzipped twin."""
    pairs: dict[SplitName, _Pair] = {}
    for images in sorted(folder.iterdir(), key=lambda file: (file.suffix.lower() == ".gz", file.name)):
        match = _IMAGES.fullmatch(images.name)
        if match is None:
            continue
        split = _SPLITS[match["split"].lower()]
        if split in pairs and pairs[split].images.name != images.name[: -len(match["gz"] or "") or None]:
            where = f"{pairs[split].images} and {images}"
            raise DataError(f"two files with pictures for the split {split}", where=where, hint="Keep one of the two.")
        if split not in pairs:
            pairs[split] = _Pair(split=split, images=images, labels=_labels_of(images, match))
    return list(pairs.values())


def _labels_of(images: Path, match: re.Match[str]) -> Path:
    name = f"{match['start']}-labels{match['dot']}idx1-ubyte"
    for candidate in (images.with_name(name), images.with_name(f"{name}.gz")):
        if candidate.is_file():
            return candidate
    raise DataError(f"no labels for these pictures, {name} or {name}.gz", where=images, hint="Put the file beside it.")


def _pictures(pair: _Pair, labels: NDArray[np.uint8]) -> Iterable[Picture]:
    name = pair.images.name
    for row, label in enumerate(labels.tolist()):
        yield Picture(path=f"{name}#{row}", file=pair.images, row=row, label=str(label), split=pair.split)


def _passed_over(folder: Path, pairs: Iterable[_Pair]) -> Iterable[LedgerEntry]:
    read = {file for pair in pairs for file in (pair.images, pair.labels)}
    for file in sorted(folder.iterdir()):
        if file not in read:
            yield LedgerEntry(path=file.name, status="skipped", reason="not an IDX file that belongs to a pair")


def _short(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).lower() or type(error).__name__
