"""Which bases `auto` tries after the one that was asked for, cheapest first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from tellapart.backbones.backbone import JOINT, Backbone
from tellapart.backbones.catalogue import BACKBONES, load_backbone

if TYPE_CHECKING:
    from tellapart.recipes.auto import Tried

SIDES: Final = (288, 352, 448)  # px
LARGER: Final = "larger squares"
EVEN_LARGER: Final = "even larger squares"


def larger_bases(base: Backbone) -> list[tuple[str, Callable[[Tried], Backbone | None]]]:
    """What each is called, and the base it is after what is best so far; None where there is none.

    Only of bases that ship, at their own sizes: whoever names a size or a base of timm has chosen.
    """
    names = [single.name for single in base.singles]
    if not set(names) <= set(BACKBONES) or base.preprocess.size != load_backbone(base.name).preprocess.size:
        return []
    others = [name for name in (*BACKBONES, JOINT.join(BACKBONES)) if name != base.name]
    others = [name for name in others if len(names) == 1 or name not in names]
    made = {name: _fixed(name) for name in others}
    return [*made.items(), (LARGER, _first_step), (EVEN_LARGER, _second_step)]


def _fixed(name: str) -> Callable[[Tried], Backbone | None]:
    return lambda _best: load_backbone(name)


def _first_step(best: Tried) -> Backbone | None:
    return _next_side(best.base)


def _second_step(best: Tried) -> Backbone | None:
    """Only where the first step was taken."""
    own = load_backbone(best.base.name).preprocess.size
    return _next_side(best.base) if best.base.preprocess.size > own else None


def _next_side(base: Backbone) -> Backbone | None:
    """The same base at the next larger side."""
    if not {single.name for single in base.singles} <= set(BACKBONES):
        return None
    side = next((side for side in SIDES if side > base.preprocess.size * 1.05), None)
    return None if side is None else load_backbone(base.name, size=side)
