"""A net from a file of the user's own, written FILE.py:NAME: what stands there gives a torch.nn.Module.

The file is run, as Python runs any program: it is the user's own, on the user's own machine, named by the user.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.errors import UsageError
from tellapart.extras import load_torch

if TYPE_CHECKING:
    import torch

OwnNet = Any  # a torch.nn.Module, or what gives one: called with those of classes and size that it takes
WRITTEN = "Write it as FILE.py:NAME, NAME being a class or function there that gives a torch.nn.Module."
GIVEN = "classes", "size"


def names_file(net: str) -> bool:
    """Whether a net is given as FILE.py:NAME, or as a file alone."""
    return ".py:" in net or net.endswith(".py")


def own_net(spec: str) -> OwnNet:
    """What stands under FILE.py:NAME, once the file has been run.

    Raises:
        UsageError: there is no such file or name, or the file cannot be run.
        MissingExtraError: PyTorch is not installed.
    """
    load_torch()
    place, _, name = spec.rpartition(":")
    path = Path(place)
    if not place or not name:
        raise UsageError("the name in the file is missing", where=spec, hint=WRITTEN)
    if not path.is_file():
        raise UsageError("no such file", where=path, hint=WRITTEN)
    found = _run(path)
    if name not in found or not callable(found[name]):
        hint = f"It has: {', '.join(_candidates(found)) or 'no class or function of its own'}."
        raise UsageError(f"nothing that gives a net is called {name} in the file", where=path, hint=hint)
    return found[name]


def _run(path: Path) -> dict[str, Any]:
    """The names of a file that was run; what lies beside it can be imported by it, as when Python starts it."""
    described = importlib.util.spec_from_file_location(f"tellapart_own_{path.stem}", path)
    if described is None or described.loader is None:
        raise UsageError("the file is no Python", where=path, hint=WRITTEN)
    module = importlib.util.module_from_spec(described)
    folder, writing = str(path.parent.resolve()), sys.dont_write_bytecode
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True  # nothing is left beside the user's file
    sys.modules[described.name] = module  # as an import does: dataclasses look their module up
    try:
        described.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        what = f"the file cannot be run ({said_by(error)})"
        raise UsageError(what, where=path, hint="Run it with Python by itself to see where.") from error
    finally:
        sys.path.remove(folder)
        sys.dont_write_bytecode = writing
    return vars(module)


def _candidates(found: dict[str, Any]) -> list[str]:
    """The names of classes and functions that a file defines itself."""
    own = found.get("__name__")
    return sorted(name for name, value in found.items() if callable(value) and getattr(value, "__module__", "") == own)


def module_of(given: OwnNet, *, classes: int, size: int) -> torch.nn.Module:
    """The module that is given, or the one that a class or function gives when it is called.

    It is called by name with those of `classes`, the number of classes, and `size`, the side of the pictures in pixels,
    that it takes.

    Raises:
        UsageError: it fails, or gives something else.
    """
    torch = load_torch()
    if isinstance(given, torch.nn.Module):
        return given
    name, values = net_name(given), {"classes": classes, "size": size}
    try:
        made = given(**{key: values[key] for key in taken_by(given)})
    except Exception as error:
        what = f"the net cannot be built ({said_by(error)})"
        raise UsageError(what, where=name, hint=f"It is called with {' and '.join(GIVEN)}, by name.") from error
    if not isinstance(made, torch.nn.Module):
        raise UsageError(f"{name} gives a {type(made).__name__}, not a torch.nn.Module", hint=WRITTEN)
    return made


def taken_by(maker: Callable[..., object]) -> tuple[str, ...]:
    """Those of GIVEN that a class or function takes by name."""
    parameters = inspect.signature(maker).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return GIVEN
    return tuple(name for name in GIVEN if name in parameters)


def net_name(given: OwnNet) -> str:
    """What a net of the user's own is called: as the class or function that gives it, else as its class."""
    name = str(getattr(given, "__name__", ""))
    return name if name.isidentifier() else type(given).__name__


def said_by(error: BaseException) -> str:
    """The kind of an error and the first line of what it says; of one in the text of a file also where."""
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: {error.msg}"
    first = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
