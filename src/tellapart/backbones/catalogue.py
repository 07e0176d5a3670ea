"""Every base a user can name: those that ship, with the extra torch any of timm, and several of them joined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from tellapart.backbones.backbone import JOINT, MOST_HALVES, Backbone, join_bases
from tellapart.backbones.poolings import with_poolings
from tellapart.data.preprocess import LARGEST, SMALLEST, Preprocess
from tellapart.errors import UsageError
from tellapart.progress import Progress, Silent

DEFAULT: Final = "lite0"  # the base where none is named
LITE0_WIDTHS = {"stage3": 240, "stage4": 480, "stage5": 672, "stage7": 320, "last": 1280}
LITE0_SIZE = 224
LITE2_WIDTHS = {"stage3": 288, "stage4": 528, "stage5": 720, "stage7": 352, "last": 1280}
LITE2_SIZE = 260


def lite0(*, size: int | None = None) -> Backbone:
    """EfficientNet-Lite0 trained on ImageNet (Tan and Le, 2019, arXiv:1905.11946); ships with the package.

    Five depths: the expanded maps of the stages 3, 4 and 5, the output of stage 7, and the last layer (1280 wide).
    """
    return _shipped("lite0", size=LITE0_SIZE if size is None else size, widths=LITE0_WIDTHS)


def lite2(*, size: int | None = None) -> Backbone:
    """EfficientNet-Lite2, of the same family, source and depths as lite0: deeper, wider, at 260 px; ships as well.

    It takes nearly three times the work; docs/accuracy.md says where that is worth it.
    """
    return _shipped("lite2", size=LITE2_SIZE if size is None else size, widths=LITE2_WIDTHS)


def _shipped(name: str, *, size: int, widths: Mapping[str, int]) -> Backbone:
    base = Backbone(
        name=name,
        graph=resources.files(__package__).joinpath(f"{name}.onnx").read_bytes(),
        preprocess=Preprocess(size=size),
        widths=widths,
        outputs=tuple(f"pooled_{depth}" for depth in widths),
    )
    return with_poolings(base)


BACKBONES: Mapping[str, Callable[..., Backbone]] = {"lite0": lite0, "lite2": lite2}


def load_backbone(name: str, *, size: int | None = None) -> Backbone:
    """The base of that name, one that ships or several of them joined; size as for `find_base`.

    Raises:
        UsageError: no base has that name, one is joined with itself, or the size is out of range.
    """
    if JOINT in name:
        return join_bases([load_backbone(half, size=size) for half in halves_of(name)])
    if name not in BACKBONES:
        raise UsageError("no such base", where=name, hint=f"Choose one of: {', '.join(sorted(BACKBONES))}.")
    _check_size(name, size)
    return BACKBONES[name](size=size)


def _check_size(name: str, size: int | None) -> None:
    if size is None:
        return
    try:
        Preprocess(size=size)
    except ValueError as error:
        hint = f"Give a whole number from {SMALLEST} to {LARGEST}, or leave --size out for its own."
        raise UsageError(f"the base {name} cannot take this size", where=f"{size} px", hint=hint) from error


def find_base(
    name: str, *, size: int | None = None, weights: Path | None = None, progress: Progress | None = None
) -> Backbone:
    """The base of that name, one of BACKBONES, whatever timm calls one, or several joined by a plus sign.

    It looks at squares of that size in pixels, None for its own; where several are joined, each of them does.
    `weights` is a file with the weights of a base of timm; None for those timm downloads. `progress` is told what of
    such a file is left aside.

    Raises:
        UsageError: no base has that name, one is joined with itself, its weights cannot be had, or it cannot take that
            size.
        DataError: the weights cannot be read, or are another net's.
        MissingExtraError: it is a base of timm, and timm is not installed.
    """
    if JOINT in name:
        _one_base(name, weights)
        return join_bases([find_base(half, size=size) for half in halves_of(name)])
    if name not in BACKBONES:
        from tellapart.backbones.timm import load_timm_backbone

        return load_timm_backbone(name, size=size, weights=weights, progress=progress)
    _no_weights(name, weights)
    return load_backbone(name, size=size)


def check_base(
    name: str, *, size: int | None = None, weights: Path | None = None, progress: Progress | None = None
) -> None:
    """Stop where there is no base of that name, size or use for its weights; none is loaded or downloaded.

    `progress` is told where timm is to be loaded, which takes a while.

    Raises:
        UsageError, DataError, MissingExtraError: as `find_base`, as far as the names tell.
    """
    if JOINT in name:
        _one_base(name, weights)
        for half in halves_of(name):
            check_base(half, size=size, progress=progress)
        return
    if name in BACKBONES:
        _no_weights(name, weights)
    else:
        from tellapart.backbones.timm import check_timm_base

        check_timm_base(name, weights=weights, progress=progress or Silent())
    _check_size(name, size)


def _one_base(name: str, weights: Path | None) -> None:
    if weights is not None:
        raise UsageError("a file of weights is for one base", where=name, hint="Leave --weights out, or name one base.")


def _no_weights(name: str, weights: Path | None) -> None:
    if weights is not None:
        raise UsageError("this base has its weights", where=name, hint="Leave --weights out, or name a base of timm.")


def halves_of(name: str) -> list[str]:
    """The names that a joined name joins.

    Raises:
        UsageError: one is empty or stands twice, or there are more than MOST_HALVES.
    """
    names = name.split(JOINT)
    if not all(names):
        raise UsageError("a name is missing beside the plus sign", where=name, hint="Join two bases as lite0+lite2.")
    if len(set(names)) < len(names):
        raise UsageError("a base cannot be joined with itself", where=name, hint="Name each base once.")
    if len(names) > MOST_HALVES:
        raise UsageError(f"more than {MOST_HALVES} bases are joined", where=name, hint="Leave some out.")
    return names
