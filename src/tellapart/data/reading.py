"""What a user says of data that can be read in more than one way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal, get_args

from tellapart.errors import UsageError

ClassesAt = Literal["top", "bottom"]
BoxesAre = Literal["corners", "sizes", "centres"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How labelled data is to be read; None for what the data itself says.

    Attributes:
        classes: which folders are the classes: "top", those directly in the data or in its split folders, or "bottom",
            those pictures lie in.
        path_column: the column, or the field of an annotation file, that names the picture.
        label_column: the one that names its class.
        encoding: of a table that is not UTF-8.
        boxes: what the four numbers of a box are: "corners" (left, top, right, bottom), "sizes" (left, top, width,
            height) or "centres"; or "none" to take pictures as wholes.
        confidence: of MegaDetector's boxes, those below it are left out.
        min_pictures: classes with fewer pictures to learn from are left out.
        unlabelled: whether pictures need no label, as for prediction.
        scoring: whether a model is to be scored by it: then there may be one class alone, and classes without pictures.
        redrawn: whether new splits are drawn of all pictures, so that those of the data count for nothing.
        grouped: whether groups are told from the paths, so that folders inside classes may be those.
    """

    classes: ClassesAt | None = None
    path_column: str | None = None
    label_column: str | None = None
    encoding: str | None = None
    boxes: BoxesAre | Literal["none"] | None = None
    confidence: float | None = None
    min_pictures: int | None = None
    unlabelled: bool = False
    scoring: bool = False
    redrawn: bool = False
    grouped: bool = False

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UsageError: classes or boxes are none of their words, or there is no such encoding, confidence or number.
        """
        if self.classes is not None and self.classes not in get_args(ClassesAt):
            raise UsageError("no such place for classes", where=self.classes, hint="Write --classes top or bottom.")
        if self.boxes is not None and self.boxes not in (*get_args(BoxesAre), "none"):
            raise UsageError("no such boxes", where=self.boxes, hint="Write --boxes corners, sizes, centres or none.")
        if self.confidence is not None and not 0 <= self.confidence <= 1:
            raise UsageError("no such confidence", where=str(self.confidence), hint="Give a number from 0 to 1.")
        if self.min_pictures is not None and not _is_count(self.min_pictures):
            hint = "Give a whole number from 1 on."
            raise UsageError("no such number of pictures", where=str(self.min_pictures), hint=hint)
        if self.encoding is not None and not _is_encoding(self.encoding):
            hint = "For example --encoding cp1252 (Windows), gbk (Chinese), shift_jis (Japanese) or utf-16."
            raise UsageError("no such encoding", where=self.encoding, hint=hint)

    def to_json(self) -> dict[str, str | bool | float]:
        """What was said, ready for JSON, so that a run's data can be read again as it was; {} where nothing was."""
        every = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in every.items() if value not in (None, False)}

    @classmethod
    def from_json(cls, document: object) -> Reading:
        """What `to_json` gave; of anything else nothing is said."""
        names = {each.name for each in fields(cls)}
        if not isinstance(document, Mapping) or not set(document) <= names:
            return cls()
        try:
            return cls(**document)
        except UsageError:
            return cls()

    def only_for_folders(self) -> None:
        """Stop at options that say nothing about folders.

        Raises:
            UsageError: one was given.
        """
        for option, value in (
            ("--path-column", self.path_column),
            ("--label-column", self.label_column),
            ("--encoding", self.encoding),
            ("--boxes", self.boxes),
            ("--confidence", self.confidence),
        ):
            if value is not None:
                raise UsageError(f"{option} is for tables and annotation files, this is a folder", where=str(value))

    def check_unsaid(self, *names: Literal["path_column", "label_column", "encoding"], of: str) -> None:
        """Stop at options that say nothing of some kind of data.

        Raises:
            UsageError: one of them was given.
        """
        for name in names:
            value: str | None = getattr(self, name)
            if value is not None:
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{option} says nothing of {of}", where=value, hint="Leave it out.")

    def only_for_tables(self) -> None:
        """Stop at options that say nothing about tables.

        Raises:
            UsageError: one was given.
        """
        if self.classes is not None:
            raise UsageError("--classes is for folders, this is a file", where=self.classes, hint="Leave it out.")


AS_IT_IS = Reading()


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 1


def _is_encoding(name: str) -> bool:
    try:
        return "a".encode(name).decode(name) == "a"
    except (LookupError, ValueError, TypeError):
        return False
