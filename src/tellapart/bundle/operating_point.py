"""By what a model answers, out of a model file; `OperatingPoint.to_json` is the way in.

Legend: K classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.bundle.container import RETRAIN
from tellapart.errors import ModelFileError
from tellapart.heads.operating_point import HEAVIEST, OperatingPoint, RecallPromise
from tellapart.shape import COUNT, NUMBER, misfit

LARGEST = 1e15  # of a cost times the weight of its class
RECALL = {"place": COUNT, "asked": NUMBER, "shown": NUMBER, "pictures": COUNT, "weight": NUMBER}


def read_operating_point(stated: Any, *, class_count: int, path: Path) -> OperatingPoint | None:  # noqa: ANN401
    """What answers are chosen by; None where the likeliest class is, as in files made before there was anything else.

    Raises:
        ModelFileError: it is no matrix of costs, or does not fit the classes.
    """
    if stated is None:
        return None
    try:
        asked, person = stated["asked"], stated["person"]
        return OperatingPoint(
            costs=_table(stated["costs"], shape=(class_count, class_count)),
            asked=None if asked is None else _table(asked, shape=(class_count, class_count)),
            person=None if person is None else _table(person, shape=(class_count,)),
            recalls=tuple(_recall(row, class_count=class_count) for row in stated["recalls"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = "the costs in model.json and its classes do not fit together"
        raise ModelFileError(what, where=path, hint=RETRAIN) from error


def _table(values: object, *, shape: tuple[int, ...]) -> NDArray[np.float64]:
    table = np.array(values)
    if table.dtype.kind not in "if" or table.shape != shape or not ((table >= 0) & (table <= LARGEST)).all():
        raise ValueError("no table of costs")
    if len(shape) > 1 and not table.any():
        raise ValueError("costs that are all nothing")
    return table.astype(np.float64)


def _recall(row: Any, *, class_count: int) -> RecallPromise:  # noqa: ANN401
    if misfit(row, RECALL) is not None or row["place"] >= class_count:
        raise ValueError("no promise of a recall")
    if not (0 < row["asked"] < 1 and 0 <= row["shown"] <= 1 and 1 <= row["weight"] <= HEAVIEST):
        raise ValueError("no promise of a recall")
    return RecallPromise(**{name: row[name] for name in RECALL})
