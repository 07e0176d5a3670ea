"""How many cores to use: those that the machine, its scheduler, a container and the user leave to this process."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Final

VARIABLE: Final = "OMP_NUM_THREADS"  # what OpenMP's programs are told by: "4", or "4,2" for loops inside loops
GROUPS: Final = Path("/sys/fs/cgroup")
# Linux, Documentation/admin-guide/cgroup-v2.rst: "QUOTA PERIOD" in microseconds, "max" for no quota; before it, two
# files (scheduler/sched-bwc.rst), -1 for no quota.
QUOTA_FILES: Final = (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"))


def thread_count() -> int:
    """Cores this process may use, at least 1: what it is bound to, at most its container's quota and the user's wish.

    A quota of 2.5 cores gives 2: a third thread would be stopped for half of its time while the others wait for it.
    """
    return max(1, min([core_count(), *asked_for(os.environ.get(VARIABLE, "")), *quota(GROUPS)]))


def core_count() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def asked_for(text: str) -> list[int]:
    """The number in OpenMP's variable, if it is one."""
    first = text.split(",", maxsplit=1)[0].strip()
    return [int(first)] if first.isdecimal() and len(first) < 6 and int(first) > 0 else []


@cache
def quota(groups: Path) -> list[int]:
    """The whole cores that a container's quota gives, if there is one; read once, as a server asks at every picture."""
    for names in QUOTA_FILES:
        try:
            words = " ".join((groups / name).read_text(encoding="ascii") for name in names).split()
        except (OSError, UnicodeDecodeError):
            continue
        if len(words) == 2 and all(word.isdecimal() for word in words) and int(words[1]) > 0:
            return [int(words[0]) // int(words[1])]
    return []
