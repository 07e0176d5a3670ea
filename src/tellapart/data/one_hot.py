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
    flags = _flag_columns(values, names)
    if not values or len(flags) < FEWEST:
        return None
    labels = list[str]()
    for row in values:
        if len(said := _said(row, flags)) != 1:
            return None
        labels.append(names[said[0]])
    return labels, flags


def one_hot_flaw(values: Sequence[Sequence[str]], names: Sequence[str], numbers: Sequence[int]) -> str:
    """Why columns of 0 and 1 do not tell classes, as a sentence; "" where there are none or they do.

    Args:
        values: texts [N][C], as for `one_hot_labels`.
        names: C names of these columns.
        numbers: N numbers of the rows in their file.
    """
    flags = _flag_columns(values, names)
    if len(flags) < FEWEST:
        return ""
    for number, row in zip(numbers, values, strict=True):
        if len(said := _said(row, flags)) != 1:
            those = f" ({some_names([names[place] for place in said])})" if said else ""
            which = some_names([names[place] for place in flags])
            count = f"{len(said) or 'none'}{those}"
            return f"A column for each class has a 1 in one of them; of {which}, row {number:,} has it in {count}."
    return ""


def _flag_columns(values: Sequence[Sequence[str]], names: Sequence[str]) -> list[int]:
    """The places of the columns that are 0 or 1 in every row and not called like splits."""
    told = [place for place, name in enumerate(names) if split_of(IS.sub("", name)) is None]
    return [place for place in told if all(row[place].strip().lower() in FLAGS for row in values)]


def _said(row: Sequence[str], flags: Sequence[int]) -> list[int]:
    """Those of some columns that a row has a 1 in."""
    return [place for place in flags if row[place].strip().lower() in YES]


def one_hot_note(names: Sequence[str]) -> str:
    """What is told of such columns."""
    which = some_names(names)
    return f"No column is called label; each row has a 1 in one of these, which are taken for the classes: {which}."
