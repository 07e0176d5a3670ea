"""The doors to optional packages: each gives a module, or an error with the line that installs it."""

from __future__ import annotations

import importlib
from typing import Any, Final

from tellapart.errors import MissingExtraError

HINT: Final = "Install it with: pip install 'tellapart[torch]'"


def load_torch() -> Any:  # noqa: ANN401 - a module
    """The module torch.

    Raises:
        MissingExtraError: it is not installed.
    """
    return _load("torch", "PyTorch")


def load_timm() -> Any:  # noqa: ANN401 - a module
    """The module timm.

    Raises:
        MissingExtraError: it is not installed.
    """
    return _load("timm", "timm")


def load_safetensors() -> Any:  # noqa: ANN401 - a module
    """The module safetensors.torch, and with it torch.

    Raises:
        MissingExtraError: one of them is not installed.
    """
    load_torch()
    return _load("safetensors.torch", "safetensors")


def _load(module: str, called: str) -> Any:  # noqa: ANN401 - a module
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"this needs {called}", hint=HINT) from error
