"""What mistakes cost, as a table says it: a row a class that is shown, a column a class that is answered.

Legend: K classes.
"""

from __future__ import annotations

import csv
import io
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tellapart import files
from tellapart.errors import DataError, UsageError

LARGEST_FILE: Final = 16_000_000  # bytes; the costs of two thousand classes, four characters each
MOST: Final = 1e9
SEPARATORS: Final = ",;\t"
FORM: Final = "A row a class that is shown, a column a class that is answered, and one more column for a person."


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTable:
    """What it costs to answer a class where another, or the same, is shown.

    Attributes:
        where: whence it comes, for messages.
        rows: by the class shown, what each answer costs, and under another name what handing it to a person costs.
    """

    where: str
    rows: Mapping[str, Mapping[str, float]]

    def of(self, classes: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """The costs float64 [K, K] in the order of the classes, and those of handing over float64 [K] where it has any.

        Raises:
            UsageError: a class has no row or no column, or there is more than one other column.
        """
        columns = list(next(iter(self.rows.values()), {}))
        for what, names in (("row", list(self.rows)), ("column", columns)):
            if missing := [name for name in classes if name not in names]:
                raise UsageError(f"the costs have no {what} for the class {missing[0]!r}", where=self.where, hint=FORM)
        if others := [name for name in self.rows if name not in classes]:
            raise UsageError(f"the costs have a row for {others[0]!r}, which is no class", where=self.where, hint=FORM)
        extra = [name for name in columns if name not in classes]
        if len(extra) > 1:
            raise UsageError(
                f"the costs have two columns that are no class ({extra[0]}, {extra[1]})", where=self.where, hint=FORM
            )
        matrix = np.array([[self.rows[shown][answered] for answered in classes] for shown in classes], np.float64)
        person = np.array([self.rows[shown][extra[0]] for shown in classes], np.float64) if extra else None
        if (matrix.min(axis=1) < matrix.diagonal()).any():
            place = int((matrix.min(axis=1) < matrix.diagonal()).argmax())
            what = f"the right answer for {classes[place]!r} costs more than a wrong one"
            raise UsageError(what, where=self.where, hint="Rows are what is shown, columns what is answered.")
        if not matrix.any():
            raise UsageError("every answer costs nothing", where=self.where, hint="Say what mistakes cost.")
        return matrix, person


def read_costs(path: Path) -> CostTable:
    """The costs that a CSV file holds, in UTF-8; the separator is the comma, semicolon or tab that its header uses.

    With semicolons a comma in a number is a decimal one.

    Raises:
        DataError: it cannot be read, or a cell is no cost.
    """
    try:
        text = files.read_bounded(path, limit=LARGEST_FILE).decode("utf-8-sig")
    except UnicodeError as error:
        raise DataError("the costs are not UTF-8", where=path, hint="In Excel, save them as CSV UTF-8.") from error
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise DataError(f"the costs cannot be read ({reason})", where=path, hint=FORM) from error
    first = text.split("\n", 1)[0]
    separator = max(SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    try:
        records = [record for record in reader if any(map(str.strip, record))]
    except csv.Error as error:
        raise DataError(f"the costs cannot be read ({error})", where=path, hint=FORM) from error
    if len(records) < 2:
        raise DataError("the costs have no rows", where=path, hint=FORM)
    header = [_name(cell) for cell in records[0][1:]]
    rows: dict[str, dict[str, float]] = {}
    for record in records[1:]:
        shown = _name(record[0])
        if shown in rows or len(set(header)) < len(header):
            raise DataError(f"the costs have the same row or column twice ({shown})", where=path, hint=FORM)
        if len(record) != len(header) + 1:
            what = f"the costs of {shown} have {len(record) - 1} cells, the header has {len(header)}"
            raise DataError(what, where=path, hint=FORM)
        rows[shown] = {
            name: _cost(_with_point(cell, separator), shown, name, where=str(path))
            for name, cell in zip(header, record[1:], strict=True)
        }
    return CostTable(where=str(path), rows=rows)


def costs_from(given: object) -> CostTable | None:
    """The costs that a caller gives: a path, or {class shown: {class answered: cost}}; None for none.

    Raises:
        UsageError: it is neither.
        DataError: the file cannot be read, or a cost is none.
    """
    if given is None or isinstance(given, CostTable):
        return given
    if isinstance(given, str | Path):
        return read_costs(Path(given))
    if not isinstance(given, Mapping) or not all(isinstance(row, Mapping) for row in given.values()):
        hint = "Give the path of a CSV file, or {class shown: {class answered: cost}}."
        raise UsageError("these are no costs", where="costs", hint=hint)
    rows = {
        _name(str(shown)): {
            _name(str(name)): _cost(cost, str(shown), str(name), where="costs") for name, cost in row.items()
        }
        for shown, row in given.items()
    }
    if len({frozenset(row) for row in rows.values()}) > 1:
        raise UsageError("the rows of the costs have different columns", where="costs", hint=FORM)
    return CostTable(where="costs", rows=rows)


def _name(cell: str) -> str:
    return unicodedata.normalize("NFC", cell.strip())


def _with_point(cell: str, separator: str) -> str:
    """A number with a decimal point: where semicolons part cells, Excel writes a comma."""
    return cell.replace(",", ".") if separator == ";" and cell.count(",") == 1 and "." not in cell else cell


def _cost(cell: object, shown: str, answered: str, *, where: str) -> float:
    """A cost; an empty cell on the diagonal is 0."""
    if isinstance(cell, str) and not cell.strip() and shown == answered:
        return 0.0
    try:
        cost = float(cell)  # type: ignore[arg-type]  # what is no number raises one of these
    except (TypeError, ValueError):
        cost = math.nan
    if not 0 <= cost <= MOST:
        what = f"the cost of answering {answered!r} for {shown!r} is no number from 0 up ({cell})"
        raise DataError(what, where=where, hint=FORM)
    return cost
