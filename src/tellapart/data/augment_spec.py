"""How far pictures may be changed, as a caller writes it: "chapter", "none", "rotation=40,shift=0.2,flip"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from tellapart.data.augment import CHAPTER, NOTHING, Augmentation
from tellapart.errors import UsageError

STARTS: Final[Mapping[str, Augmentation]] = {"none": NOTHING, "chapter": CHAPTER}
# What a caller writes: the ranges it sets.
RANGES: Final[Mapping[str, tuple[str, ...]]] = {
    "rotation": ("rotation",),
    "shift": ("width_shift", "height_shift"),
    "width_shift": ("width_shift",),
    "height_shift": ("height_shift",),
    "shear": ("shear",),
    "zoom": ("zoom",),
    "brightness": ("brightness",),
    "contrast": ("contrast",),
}
FLIPS: Final[Mapping[str, str]] = {"flip": "horizontal_flip", "vertical_flip": "vertical_flip"}
ANSWERS: Final[Mapping[str, bool]] = {"": True, "yes": True, "no": False}
WRITTEN: Final = (
    f"Write {' or '.join(STARTS)}, then NAME=NUMBER of {', '.join(RANGES)}, and flip or vertical_flip (=no for not), "
    "with commas: chapter,rotation=20."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationSpec:
    """What a caller says of augmentation."""

    start: Augmentation | None = None  # what the ranges are changed of; None for a recipe's own
    ranges: Mapping[str, float | bool] = field(default_factory=dict)  # fields of an Augmentation

    def applied(self, own: Augmentation | None) -> Augmentation:
        """A recipe's own augmentation with what the caller says.

        Raises:
            UsageError: a range is wider than it can be.
        """
        start = own if self.start is None else self.start
        try:
            return replace(start or NOTHING, **self.ranges)  # type: ignore[arg-type]  # names were checked
        except ValueError as error:
            raise UsageError("no such augmentation", hint=f"{error}.") from error


def augmentation_spec(text: str) -> AugmentationSpec:
    """What a text says of augmentation: a start, or ranges in the place of a recipe's own, or both.

    Raises:
        UsageError: it says something else, or a range is wider than it can be.
    """
    first, _, rest = text.partition(",")
    start = STARTS.get(first)
    parts = text if start is None else rest
    ranges: dict[str, float | bool] = {}
    for part in parts.split(",") if parts or start is None else []:
        name, _, value = part.strip().partition("=")
        try:
            ranges |= {FLIPS[name]: ANSWERS[value]} if name in FLIPS else dict.fromkeys(RANGES[name], float(value))
        except (KeyError, ValueError) as error:
            raise UsageError("no such augmentation", where=part, hint=WRITTEN) from error
    spec = AugmentationSpec(start=start, ranges=ranges)
    spec.applied(None)
    return spec


def ranges_text(augmentation: Augmentation) -> str:
    """How far pictures may be changed, as a caller would write it behind "none": "rotation=40, shift=0.2, flip"."""
    ranges = {name: getattr(augmentation, fields[0]) for name, fields in RANGES.items()}
    if augmentation.width_shift == augmentation.height_shift:
        ranges |= {"width_shift": 0, "height_shift": 0}
    else:
        ranges["shift"] = 0
    written = [f"{name}={value:g}" for name, value in ranges.items() if value]
    flips = [name for name, flip in FLIPS.items() if getattr(augmentation, flip)]
    return ", ".join([*written, *flips]) or "none"
