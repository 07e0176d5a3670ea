"""OpenVINO without its telemetry: the one place that imports it, and NNCF, which quantises its models.

`import openvino` on its own reports the import to its makers and leaves an identifier in the user's home (it does so
through the package `openvino_telemetry`, and falls back to doing nothing where that is missing). NNCF reports what it
is asked for in the same way. Nothing here may do either, so that package is made unimportable while they are imported.
So is OpenVINO's converter of models: nothing here converts one, and it takes as long to import as all the rest.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final

from tellapart.extras import load_extra

TELEMETRY = "openvino_telemetry"
CONVERTER = "openvino.tools.ovc"
NNCF_HINT: Final = "Install it with: pip install 'tellapart[int8]'"
_import_lock = threading.Lock()


def load_openvino() -> Any:  # noqa: ANN401 - the module ships no types
    """The module openvino, imported so that it neither reports nor writes anything.

    OpenVINO makes its table of numpy's types when it is first asked for one: two threads that ask first at the same
    time wait for each other for ever, each for what the other holds. So it is asked here, before there are two.
    """
    with _import_lock:
        openvino = _imported()
        openvino.Type.u8.to_dtype()
        return openvino


def _imported() -> Any:  # noqa: ANN401
    if "openvino" in sys.modules or TELEMETRY in sys.modules:
        return importlib.import_module("openvino")
    with _missing(TELEMETRY), _missing(CONVERTER):
        openvino: Any = importlib.import_module("openvino")
    if not hasattr(openvino, "convert_model"):  # whoever imported this package may want it
        openvino.convert_model = _convert_model
    return openvino


def _convert_model(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - OpenVINO's
    """OpenVINO's own converter, loaded when it is first called."""
    with _import_lock, _missing(TELEMETRY):
        converter = importlib.import_module(CONVERTER)
    return converter.convert_model(*arguments, **named)


def load_passes() -> Any:  # noqa: ANN401 - the module ships no types
    """The module openvino.passes, which changes models, imported in the same way."""
    load_openvino()
    return importlib.import_module("openvino.passes")


def load_nncf() -> Any:  # noqa: ANN401 - the module ships no types
    """The module nncf, imported in the same way.

    Raises:
        MissingExtraError: it is not installed.
    """
    load_openvino()
    with _import_lock, _missing(TELEMETRY):
        return load_extra("nncf", "NNCF", hint=NNCF_HINT)


@contextlib.contextmanager
def _missing(name: str) -> Iterator[None]:
    there = sys.modules.get(name)
    sys.modules[name] = None  # type: ignore[assignment]  # None is what makes an import fail
    try:
        yield
    finally:
        if there is None:
            del sys.modules[name]
        else:
            sys.modules[name] = there
