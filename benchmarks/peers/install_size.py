"""How much what a user installs weighs: the files of these packages and of all that they require, in this environment.

    PYTHON benchmarks/peers/install_size.py PACKAGE …

MB of 10^6 bytes, as the files lie on disk, byte code left out. Optional requirements do not count. Prints JSON.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path


def closure(names: list[str]) -> dict[str, Distribution]:
    """These packages and what they require, by name, as far as it is there."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            if name in names:
                raise SystemExit(f"{name} is not installed here") from None
            continue
        waiting += [
            re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in found[name].requires or () if wanted(line)
        ]
    return found


def wanted(requirement: str) -> bool:
    """Whether it holds without an extra; other markers are taken as met, since what is not met is not installed."""
    return not re.search(r";.*\bextra\s*==", requirement)


def size(package: Distribution) -> int:
    """Bytes of its files."""
    places = [Path(str(package.locate_file(file))) for file in package.files or () if not str(file).endswith(".pyc")]
    return sum(place.stat().st_size for place in places if place.is_file())


if __name__ == "__main__":
    packages = closure(sys.argv[1:])
    sizes = {name: size(package) for name, package in packages.items()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:5]
    print(
        json.dumps(
            {
                "mb": round(sum(sizes.values()) / 1e6),
                "packages": len(sizes),
                "largest_mb": {name: round(sizes[name] / 1e6) for name in largest},
            }
        )
    )
