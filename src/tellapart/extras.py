"""The doors to optional packages: each gives a module, or an error with the line that installs it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

from tellapart.errors import MissingExtraError

WAITING: Final = "OMP_WAIT_POLICY"  # OpenMP 5.2, section 21.2.7; read once, when its library is loaded
HINT: Final = "Install it with: pip install 'tellapart[torch]'"


def load_torch() -> Any:  # noqa: ANN401 - a module
    """The module torch.

    Its threads sleep where they wait for one another, unless the user has it otherwise. Threads that spin, as OpenMP
    lets them, take the very cores that the one they wait for needs wherever other programs run (benchmarks/busy.py).
    """
    if "torch" not in sys.modules:
        os.environ.setdefault(WAITING, "PASSIVE")
    return load_extra("torch", "PyTorch")


def load_timm(note: Callable[[str], None] = lambda _: None) -> Any:  # noqa: ANN401 - a module
    """The module timm; where it is yet to be loaded, a note says that this takes a while."""
    if "timm" not in sys.modules and find_spec("timm") is not None:
        note("Loading timm and PyTorch, which takes some seconds.")
    return load_extra("timm", "timm")


def load_safetensors() -> Any:  # noqa: ANN401 - a module
    """The module safetensors.torch, and with it torch."""
    load_torch()
    return load_extra("safetensors.torch", "safetensors")


def load_extra(module: str, called: str, *, hint: str = HINT) -> Any:  # noqa: ANN401 - a module
    """A module by name, and what it is called where it is missed.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"this needs {called}", hint=hint) from error
