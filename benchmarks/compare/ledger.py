"""The results that are kept: one JSON document, a cell a line, written anew after each cell that ends.

    {"machine": …, "notes": […], "versions": {peer: …}, "cells": {key: figures}}

Keys: `job/SET/PEER/ROUND`, `curve/SET/PEER/COUNT:DRAW`, `pair/NAME/ROUND`, `cold/PEER/ROUND`, `size/PEER`.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


class Ledger:
    """Cells that are done, on disk.

    Raises:
        SystemExit: the file is no such document.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.document = self.read()

    def read(self) -> dict[str, Any]:
        """What is on disk now."""
        try:
            document: dict[str, Any] = (
                json.loads(self.file.read_text(encoding="utf-8")) if self.file.exists() else empty()
            )
            document["cells"].items()
        except (ValueError, KeyError, TypeError, AttributeError):
            raise SystemExit(f"{self.file} holds no results of a comparison; name another file") from None
        return document

    def __contains__(self, key: str) -> bool:
        return key in self.document["cells"]

    def keep(self, key: str, figures: Mapping[str, Any]) -> None:
        """Add a cell; the versions it was measured with are kept once for each peer.

        Raises:
            SystemExit: the peer's kept figures are of other versions.
        """
        self.document = self.read()  # another comparison may have put in its own meanwhile
        own = {name: value for name, value in figures.items() if name not in ("versions", "cell")}
        if "versions" in figures:
            peer = peer_of(key)
            known = self.document["versions"].setdefault(peer, figures["versions"])
            if known != figures["versions"]:
                raise SystemExit(f"{peer} has other versions than its figures in {self.file}: begin another file")
        self.document["cells"][key] = own
        self.write()

    def note(self, line: str) -> None:
        if line not in self.document["notes"]:
            self.document["notes"].append(line)
            self.write()

    def write(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        beside = self.file.with_suffix(".part")
        beside.write_text(written(self.document), encoding="utf-8")
        beside.replace(self.file)


def peer_of(key: str) -> str:
    """The peer in a key; of a pair its name."""
    parts = key.split("/")
    return parts[2] if parts[0] in ("job", "curve") else parts[1]


def empty() -> dict[str, Any]:
    """A document without cells, of this machine."""
    model = Path("/proc/cpuinfo")
    lines = model.read_text(encoding="utf-8").splitlines() if model.exists() else []
    named = dict(line.split(":", 1) for line in lines if ":" in line)
    flags = {key.strip(): value for key, value in named.items()}.get("flags", "").split()
    machine = {
        "system": platform.system(),
        "processor": next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), ""),
        "cores": os.cpu_count(),
        "instructions": [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags],
    }
    return {"machine": machine, "notes": [], "versions": {}, "cells": {}}


def written(document: Mapping[str, Any]) -> str:
    """As JSON, a cell a line, so that a change shows which cells are new."""

    def lines(part: Mapping[str, Any]) -> str:
        return ",\n".join(f"    {json.dumps(key)}: {json.dumps(part[key], sort_keys=True)}" for key in sorted(part))

    machine, notes = json.dumps(document["machine"]), json.dumps(document["notes"], indent=4)
    kept = f'  "versions": {{\n{lines(document["versions"])}\n  }},\n  "cells": {{\n{lines(document["cells"])}\n  }}'
    return f'{{\n  "machine": {machine},\n  "notes": {notes},\n{kept}\n}}\n'


def cells_of(document: Mapping[str, Any], kind: str) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """The parts of each key of a kind behind it, and its figures."""
    for key, figures in document["cells"].items():
        found, *parts = key.split("/")
        if found == kind:
            yield parts, figures
