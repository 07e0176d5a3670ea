"""What every peer in the comparison answers to: the same pictures, one JSON line a cell on standard output.

    PYTHON SCRIPT FOLDER --cells all:0 5:0 5:1 [--save PLACE]     train on these pictures, answer about the test
    PYTHON SCRIPT PICTURE --answer PLACE                          load what --save kept, answer about one picture

A cell is "pictures per class:draw"; `all` is the whole of train, with valid for whatever the peer chooses by it. A
draw of N takes those N pictures of each class of train whose hash with the draw's number is smallest: the same for
every peer, and those of a larger N hold those of a smaller one. It has no valid: N pictures are all there are. The
test is always the whole of it.

A line has `seconds`, from the first look at the folder to the last answer, imports not counted; `accuracy`; `right`,
which test pictures were answered rightly, in the order of their names, as bits in base64; `peak_mb`, the most memory
of this process and, for those that start others, of the largest of them. It imports nothing outside the standard
library, because each peer runs in an environment of its own.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from reporting import available_threads

SPLITS: Final = {"train": ("train",), "valid": ("valid", "val", "validation"), "test": ("test",)}
ENDINGS: Final = (".jpg", ".jpeg", ".png")
Labelled = tuple[Path, str]
Splits = Mapping[str, Sequence[Labelled]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a peer says: a label for each test picture, and whatever else is to stand in the line."""

    labels: Sequence[str]
    more: Mapping[str, Any] = field(default_factory=dict)


Peer = Callable[[Splits], Answered]  # `cell` and `--save` are known to it from its start


def main(
    start: Callable[[argparse.Namespace], Peer],
    *,
    packages: Iterable[str],
    options: Callable[[argparse.ArgumentParser], None] = lambda _parser: None,
    answer_one: Callable[[Path, Path], str] | None = None,
) -> None:
    """Read the command line, start the peer, and print a line for each cell.

    Args:
        start: imports what the peer needs, and gives the function that trains and answers.
        packages: whose versions stand in each line.
        options: adds settings of the peer's own.
        answer_one: given what was saved and a picture, the answer.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cells", nargs="+", default=["all:0"])
    parser.add_argument("--threads", type=int, default=available_threads())
    parser.add_argument("--save", type=Path)
    parser.add_argument("--answer", type=Path)
    options(parser)
    arguments = parser.parse_args()
    if arguments.answer:
        if answer_one is None:
            raise SystemExit("this peer keeps nothing that answers later")
        with contextlib.redirect_stdout(sys.stderr):
            label = answer_one(arguments.answer, arguments.folder)
        print(json.dumps({"label": label}))
        return
    with contextlib.redirect_stdout(sys.stderr):
        started = time.perf_counter()
        peer = start(arguments)
        shared = {"import_s": round(time.perf_counter() - started, 2), "versions": versions(packages)}
    for name in arguments.cells:
        with contextlib.redirect_stdout(sys.stderr):
            line = {"cell": name, **measured(peer, arguments.folder, name), **shared}
        print(json.dumps(line), flush=True)


def versions(packages: Iterable[str]) -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in packages}}


def measured(peer: Peer, folder: Path, name: str) -> dict[str, Any]:
    """One cell; {"refused": why} where the peer cannot do it."""
    started, processor = time.perf_counter(), processor_seconds()
    splits = cell_pictures(folder, name)
    try:
        answered = peer(splits)
    except Refused as error:
        return {"refused": str(error)}
    seconds, used = time.perf_counter() - started, processor_seconds() - processor
    right = [label == said for (_, label), said in zip(splits["test"], answered.labels, strict=True)]
    return {
        "seconds": round(seconds, 2),
        "processor_s": round(used, 2),
        "train": len(splits["train"]),
        "test": len(right),
        "accuracy": round(sum(right) / len(right), 5),
        "right": packed(right),
        "peak_mb": peak_mb(),
        "load": round(os.getloadavg()[0], 1),
        **answered.more,
    }


class Refused(Exception):  # noqa: N818
    """The peer says that it cannot be done with such pictures, and why."""


def cell_pictures(folder: Path, name: str) -> dict[str, Sequence[Labelled]]:
    """Train, valid and test of a cell, sorted by class and name.

    Raises:
        SystemExit: the folder lacks train or test.
    """
    count, draw = name.split(":")
    splits: dict[str, Sequence[Labelled]] = {}
    for split, names in SPLITS.items():
        place = next((folder / given for given in names if (folder / given).is_dir()), folder / names[0])
        files = sorted(path for path in place.glob("*/*") if path.suffix.lower() in ENDINGS)
        splits[split] = [(path, path.parent.name) for path in files]
    if not splits["train"] or not splits["test"]:
        raise SystemExit(f"{folder} has no pictures in train or test")
    if count != "all":
        splits |= {"train": drawn(splits["train"], count=int(count), draw=int(draw)), "valid": []}
    return splits


def drawn(pictures: Sequence[Labelled], *, count: int, draw: int) -> list[Labelled]:
    """So many of each class, or all where there are fewer."""

    def place(picture: Labelled) -> bytes:
        path, label = picture
        return hashlib.sha256(f"{draw}/{label}/{path.name}".encode()).digest()

    chosen: list[Labelled] = []
    for name in sorted({label for _, label in pictures}):
        own = sorted((picture for picture in pictures if picture[1] == name), key=place)
        chosen += own[:count]
    return sorted(chosen)


def packed(right: Sequence[bool]) -> str:
    """Bits in base64, the first picture's is the highest of the first byte."""
    bits = "".join("1" if each else "0" for each in right)
    filled = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return base64.b64encode(bytes(int(filled[at : at + 8], 2) for at in range(0, len(filled), 8))).decode()


def unpacked(text: str, count: int) -> list[bool]:
    """What `packed` was given: count of them."""
    bits = "".join(f"{byte:08b}" for byte in base64.b64decode(text))
    return [bit == "1" for bit in bits[:count]]


def processor_seconds() -> float:
    """Of this process and of those it started that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def peak_mb() -> int:
    """The most that this process held, and the largest of those it started beside it; MB of 10^6 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    held = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(sum(held) * unit / 1e6)
