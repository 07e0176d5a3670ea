"""What a search of a head settles, and a head is fitted anew with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tellapart.heads.dual_space import COMMON, OWN, ColumnScale

RIDGE: Final = "ridge"
LOGISTIC: Final = "logistic"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSetting:
    """How a logistic head is fitted.

    Attributes:
        l2: the strength of its penalty.
        scale: what the columns are divided by.
        columns: those it reads, from a first to behind a last; None for all.
    """

    l2: float
    scale: ColumnScale = OWN
    columns: slice = field(default_factory=lambda: slice(None))

    @property
    def of_all_columns(self) -> HeadSetting:
        """The same, for features that have no other columns."""
        return replace(self, columns=slice(None))


def chosen_setting(selected: Mapping[str, Any], columns: slice = slice(None)) -> HeadSetting | None:
    """The setting of a head on some columns, from what `metrics.json` calls `selected`; None where it has none.

    Runs of before there was a scale have each column divided by its own deviation.
    """
    l2 = selected.get("l2")
    if selected.get("head") == RIDGE or isinstance(l2, bool) or not isinstance(l2, int | float):
        return None
    scale: ColumnScale = COMMON if selected.get("scale") == COMMON else OWN
    return HeadSetting(l2=float(l2), scale=scale, columns=columns)
