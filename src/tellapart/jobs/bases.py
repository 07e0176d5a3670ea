"""Every base a user can name: the one that ships with the package, and with the extra torch any of timm."""

from __future__ import annotations

from pathlib import Path

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.table import BACKBONES, load_backbone
from tellapart.errors import UsageError


def find_base(name: str, *, size: int | None = None, weights: Path | None = None) -> Backbone:
    """The base of that name.

    Args:
        name: one of BACKBONES, or whatever timm calls a base.
        size: the side of its input square in pixels; None for its own.
        weights: a file with the weights of a base of timm; None for those timm downloads.

    Raises:
        UsageError: no base has that name, its weights cannot be had, or it cannot take that size.
        DataError: the weights cannot be read, or are another net's.
        MissingExtraError: it is a base of timm, and timm is not installed.
    """
    if name not in BACKBONES:
        from tellapart.convnets.timm_base import load_timm_backbone

        return load_timm_backbone(name, size=size, weights=weights)
    if weights is not None:
        raise UsageError("this base has its weights", where=name, hint="Leave --weights out, or name a base of timm.")
    return load_backbone(name, size=size)
