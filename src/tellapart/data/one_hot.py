"""Classes that stand as a column each, with a 1 in the one that a row is of and 0 in the others (one-hot).

Contests and labelling tools write tables so, without a column that is called like a label.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from tellapart.data.columns import some_names
from tellapart.data.split_words import split_of

NO, YES = frozenset(("0", "0.0", "false")), frozenset(("1", "1.0", "true"))
FLAGS: Final = NO | YES
FEWEST: Final = 2  # columns of classes
IS: Final = re.compile(r"(?i)^is[\s_-]*")


def one_hot_labels(values: Sequence[Sequence[str]], names: Sequence[str]) -> tuple[list[str], list[int]] | None:
    """The label of each of N rows, and the places of the columns that say so; None where columns do not tell classes.

    Columns that are called like splits tell those.

    Args:
        values: texts [N][C], what each of C columns says in every row.
        names: C names of these columns.
    """
    told = [place for place, name in enumerate(names) if split_of(IS.sub("", name)) is None]
    flags = [place for place in told if all(row[place].strip().lower() in FLAGS for row in values)]
    if not values or len(flags) < FEWEST:
        return None
    labels = list[str]()
    for row in values:
        said = [place for place in flags if row[place].strip().lower() in YES]
        if len(said) != 1:
            return None
        labels.append(names[said[0]])
    return labels, flags


def one_hot_note(names: Sequence[str]) -> str:
    """What is told of such columns."""
    which = some_names(names)
    return f"No column is called label; each row has a 1 in one of these, which are taken for the classes: {which}."
