"""The doors to optional packages: each gives a module, or an error with the line that installs it."""

from __future__ import annotations

import importlib
from typing import Any, Final

from tellapart.errors import MissingExtraError

HINT: Final = "Install it with: pip install 'tellapart[torch]'"


def load_torch() -> Any:  # noqa: ANN401 - a module
    """The module torch."""
    return load("torch", "PyTorch")


def load_timm() -> Any:  # noqa: ANN401 - a module
    """The module timm."""
    return load("timm", "timm")


def load_safetensors() -> Any:  # noqa: ANN401 - a module
    """The module safetensors.torch, and with it torch."""
    load_torch()
    return load("safetensors.torch", "safetensors")


def load(module: str, called: str, *, hint: str = HINT) -> Any:  # noqa: ANN401 - a module
    """A module by name, and what it is called where it is missed.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"this needs {called}", hint=hint) from error
