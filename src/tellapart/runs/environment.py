"""What a run ran on, for metrics.json and `tellapart version`."""

from __future__ import annotations

import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from tellapart.backbones.engine import native_precision
from tellapart.cores import thread_count

PACKAGES = (
    *("tellapart", "numpy", "scipy", "scikit-learn", "openvino", "simplejpeg", "pillow", "cykooz-resizer", "onnx"),
    *("torch", "torchvision", "timm", "safetensors", "opencv-python-headless"),  # of the extra, where it is installed
)
NOTABLE_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "avx_vnni")


def environment() -> dict[str, Any]:
    """Versions, CPU, threads and the precision the engine computes in."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu_name(),
        "cpu_features": list(cpu_features()),
        "threads": thread_count(),
        "precision": native_precision(),
        "versions": {name: version for name in PACKAGES if (version := installed_version(name))},
    }


def installed_version(package: str) -> str | None:
    """The version of a package, None where it is not installed (yet: it may be so later in a notebook)."""
    try:
        return _version_read(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def _version_read(package: str) -> str:
    """Read once: a package's description takes 7 ms, and there are fifteen of them."""
    return metadata.version(package)


def cpu_name() -> str:
    return _cpu_field("model name") or platform.processor() or platform.machine()


def cpu_features() -> tuple[str, ...]:
    """The instruction sets of the CPU that matter to the engine, where the system lists them."""
    present = set((_cpu_field("flags") or "").split())
    return tuple(flag for flag in NOTABLE_FLAGS if flag in present)


def peak_rss_mb() -> float | None:
    """The largest resident size of this process so far in megabytes, where the system tells."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1_000_000 if sys.platform == "darwin" else 1_000_000 / 1024), 1)


def _cpu_field(name: str) -> str | None:
    listing = Path("/proc/cpuinfo")
    if not listing.exists():
        return None
    for line in listing.read_text(errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
