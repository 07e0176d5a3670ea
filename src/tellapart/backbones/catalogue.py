"""Every base a user can name: those that ship with the package, and with the extra torch any of timm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

from tellapart.backbones.backbone import Backbone
from tellapart.data.preprocess import Preprocess
from tellapart.errors import UsageError
from tellapart.progress import Progress

LITE0_WIDTHS = {"stage3": 240, "stage4": 480, "stage5": 672, "stage7": 320, "last": 1280}
LITE0_SIZE = 224


def lite0(*, size: int | None = None) -> Backbone:
    """EfficientNet-Lite0 trained on ImageNet (Tan and Le, 2019, arXiv:1905.11946); ships with the package.

    Five depths: the expanded maps of the stages 3, 4 and 5, the output of stage 7, and the last layer (1280 wide).
    """
    return Backbone(
        name="lite0",
        graph=resources.files(__package__).joinpath("lite0.onnx").read_bytes(),
        preprocess=Preprocess(size=LITE0_SIZE if size is None else size),
        widths=LITE0_WIDTHS,
        outputs=tuple(f"pooled_{depth}" for depth in LITE0_WIDTHS),
    )


BACKBONES: Mapping[str, Callable[..., Backbone]] = {"lite0": lite0}


def load_backbone(name: str, *, size: int | None = None) -> Backbone:
    """The base of that name; size is the side of its input square in pixels, None for its own.

    Raises:
        UsageError: no base has that name, or the size is out of range.
    """
    if name not in BACKBONES:
        raise UsageError("no such base", where=name, hint=f"Choose one of: {', '.join(sorted(BACKBONES))}.")
    try:
        return BACKBONES[name](size=size)
    except ValueError as error:
        raise UsageError(f"the base {name} cannot take this size ({error})", where=f"{size} px") from error


def find_base(
    name: str, *, size: int | None = None, weights: Path | None = None, progress: Progress | None = None
) -> Backbone:
    """The base of that name, one of BACKBONES or whatever timm calls one, for squares of that size (None: its own).

    `weights` is a file with the weights of a base of timm; None for those timm downloads. `progress` is told what of
    such a file is left aside.

    Raises:
        UsageError: no base has that name, its weights cannot be had, or it cannot take that size.
        DataError: the weights cannot be read, or are another net's.
        MissingExtraError: it is a base of timm, and timm is not installed.
    """
    if name not in BACKBONES:
        from tellapart.backbones.timm import load_timm_backbone

        return load_timm_backbone(name, size=size, weights=weights, progress=progress)
    if weights is not None:
        raise UsageError("this base has its weights", where=name, hint="Leave --weights out, or name a base of timm.")
    return load_backbone(name, size=size)
