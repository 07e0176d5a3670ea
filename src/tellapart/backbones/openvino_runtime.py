"""OpenVINO without its telemetry: the one place that imports it.

`import openvino` on its own reports the import to its makers and leaves an identifier in the user's home (it does so
through the package `openvino_telemetry`, and falls back to doing nothing where that is missing). Nothing here may do
either, so that package is made unimportable while openvino is being imported.
"""

from __future__ import annotations

import importlib
import sys
import threading
from typing import Any

TELEMETRY = "openvino_telemetry"
_import_lock = threading.Lock()


def load_openvino() -> Any:  # noqa: ANN401 - the module ships no types
    """The module openvino, imported so that it neither reports nor writes anything."""
    with _import_lock:
        if "openvino" in sys.modules or TELEMETRY in sys.modules:
            return importlib.import_module("openvino")
        sys.modules[TELEMETRY] = None  # type: ignore[assignment]  # None is what makes an import fail
        try:
            return importlib.import_module("openvino")
        finally:
            del sys.modules[TELEMETRY]
