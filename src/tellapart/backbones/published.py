"""Weights as others have published them, filled into a net of timm: under its own names or those of another project.

Files carry what was handy to whoever saved them: prefixes of wrappers (`module.`, `_orig_mod.`, `model.`, `backbone.`),
a classifier of another size, none, or one of another make. Only what the features depend on is asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tellapart.errors import DataError
from tellapart.progress import Progress
from tellapart.text import counted

if TYPE_CHECKING:
    import torch

DEEPEST: Final = 3  # parts of a prefix, as module.model.backbone.
CONVERTERS: Final = ("checkpoint_filter_fn", "_filter_fn")  # what the modules of timm call theirs
Tensors = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesRead:
    """One way to read the names of a file."""

    prefix: str  # taken off the names
    named: Tensors  # all tensors that had it, under the names that are left
    fitting: Tensors  # those that the net asks for, in its shapes


def fill_net(
    net: torch.nn.Module, given: Tensors, *, name: str, wanted: Collection[str], path: Path, progress: Progress
) -> None:
    """Load weights from a file into a net, and say what of the file was left aside.

    Args:
        net: a net of timm.
        given: the tensors of the file by name.
        name: of the net, for messages.
        wanted: the entries of the net's state dict that must come from the file; others may stay as they are.
        path: of the file, for messages.
        progress: told what was left aside.

    Raises:
        DataError: something that is wanted is missing, of another shape or not finite; or several nets could be meant.
    """
    own = net.state_dict()
    found = _best_reading(net, given, {key: own[key] for key in wanted}, path=path)
    if missing := sorted(wanted - found.fitting.keys()):
        misfits = sum(key in found.named for key in missing)
        what = f"these are not the weights of {name}"
        told = f"{len(missing) - misfits} of {len(wanted)} tensors are missing, {misfits} have another shape"
        hint = "Give the weights of this very net, as timm, torchvision or its authors published them."
        raise DataError(f"{what} ({told})", where=f"{path}, {missing[0]}", hint=hint)
    for key, value in found.fitting.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            hint = "The file is damaged, or its training diverged: get another."
            raise DataError("the weights are not finite", where=f"{path}, {key}", hint=hint)
    net.load_state_dict({**own, **found.fitting})
    outside = [key for key in given if not key.startswith(found.prefix)]
    if left := sorted([*outside, *(found.named.keys() - own.keys())]):
        progress.note(f"{counted(len(left), 'tensor')} of {path.name} left aside, of no use to this base: {left[0]} …")


def _best_reading(net: torch.nn.Module, given: Tensors, wanted: Tensors, *, path: Path) -> NamesRead:
    """The reading of the names by which most of what is wanted fits; what is read without a change comes first."""
    plain = [_reading(prefix, _without(given, prefix), wanted) for prefix in _prefixes(given)]
    most = max(len(reading.fitting) for reading in plain)
    best = [reading for reading in plain if len(reading.fitting) == most]
    if most == len(wanted):
        if len(best) > 1 and best[0].prefix:
            names = " and ".join(reading.prefix for reading in best)
            hint = "Save the one that you mean by itself."
            raise DataError(f"the file holds several nets ({names})", where=path, hint=hint)
        return best[0]
    converted = [
        _reading(reading.prefix, named, wanted)
        for reading in plain
        if len(reading.named) >= len(wanted) / 2
        for named in _converted(net, reading.named)
    ]
    return max([best[0], *converted], key=lambda reading: len(reading.fitting))


def _prefixes(given: Tensors) -> list[str]:
    """Nothing, and what the names begin with, up to DEEPEST parts of it; the shortest first."""
    found = {""}
    for name in given:
        parts = name.split(".")[:-1][:DEEPEST]
        found.update(accumulate(f"{part}." for part in parts))
    return sorted(found, key=lambda prefix: (prefix.count("."), prefix))


def _without(given: Tensors, prefix: str) -> Tensors:
    return {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)}


def _reading(prefix: str, named: Tensors, wanted: Tensors) -> NamesRead:
    fitting = {
        key: named[key]
        for key, like in wanted.items()
        if key in named
        and named[key].shape == like.shape
        and named[key].is_floating_point() == like.is_floating_point()
    }
    return NamesRead(prefix=prefix, named=named, fitting=fitting)


def _converted(net: torch.nn.Module, named: Tensors) -> Iterator[Tensors]:
    """The names of timm for those of the authors of a net, where timm knows them."""
    module = sys.modules[type(net).__module__]
    for name in CONVERTERS:
        convert: Callable[..., Any] | None = getattr(module, name, None)
        if convert is None:
            continue
        for given in ((dict(named), net), (dict(named),)):
            with suppress(Exception):  # names it does not know: then they are not these
                yield {key: value for key, value in convert(*given).items() if hasattr(value, "shape")}
                break
