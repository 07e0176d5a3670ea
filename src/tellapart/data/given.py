"""What data says of a picture beside its class, as columns of a table: the place of its box, and the data's own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from tellapart.data.boxes import file_path
from tellapart.types import Picture

BOX_COLUMNS: Final = ("picture", "x", "y", "width", "height")
OF_THE_DATA: Final = "data:"  # before the name of a column that a table of ours has itself
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenColumns:
    """The columns that stand behind those of a table of ours.

    Attributes:
        names: of the columns.
        boxes: whether the first five are the file a box is in and its left, top, width and height: in pixels, or in
            fractions of the sides where the data has those; empty for a whole picture.
    """

    names: tuple[str, ...]
    boxes: bool

    @classmethod
    def of(cls, columns: Sequence[str], *, boxes: bool, taken: Collection[str]) -> GivenColumns:
        """The columns for pictures, or boxes, that have a value for each of `columns`, behind those that are taken."""
        own = BOX_COLUMNS if boxes else ()
        used = {*taken, *own}
        others = tuple(f"{OF_THE_DATA}{name}" if name in used else name for name in columns)
        return cls(names=(*own, *others), boxes=boxes)

    def values(self, picture: Picture) -> list[str]:
        """A text for each column."""
        box = picture.box
        if not self.boxes:
            return list(picture.given)
        place = [""] * 4 if box is None else [box.left, box.top, box.width, box.height]
        numbers = [value if isinstance(value, str) else f"{round(value, _DIGITS):.10g}" for value in place]
        return [file_path(picture), *numbers, *picture.given]
