"""What the peers' benchmarks share: how many threads there are, and one JSON document on standard output.

It imports nothing outside the standard library, because each peer runs in an environment of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[3] / "shared" / "data"


def available_threads() -> int:
    """As many as there are cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def print_report(measure: Callable[[], dict[str, Any]], *, packages: Iterable[str]) -> None:
    """Print what measure returns, with the versions of packages, as JSON.

    What the libraries print of their own meanwhile goes to standard error: standard output is the document alone.
    """
    with contextlib.redirect_stdout(sys.stderr):
        document = measure()
    versions = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    json.dump({**document, "versions": versions}, sys.stdout, indent=2)
    print()
