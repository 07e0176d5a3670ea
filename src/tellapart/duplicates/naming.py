"""Names that exporters and augmentation tools give to copies of one picture: a hint, which pictures must confirm.

cat_jpg.rf.0123456789abcdef0123456789abcdef.jpg    the exports of Roboflow
cat_aug_3.jpg  cat-augmented2.jpg  cat_aug.jpg      many scripts
cat_0_1234.jpg                                      Keras, NAME_INDEX_NUMBER
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

LONGEST: Final = 500  # characters of a name that are looked at
LARGEST: Final = 100  # pictures of one origin; more share a name for another reason
NEXT: Final = 4  # that each of them is compared with
_FORMS: Final = (
    re.compile(r"(.+)\.rf\.[0-9a-zA-Z]{16,40}"),
    re.compile(r"(.+?)[-_. ](?:aug|augmented|augmentation)[-_]?\d{0,6}"),
    re.compile(r"(.+)_\d{1,6}_\d{1,4}"),
)


def origin_of(path: str) -> tuple[str, bool]:
    """The name of the picture that one is a copy of by its own name, and whether its name says that it is a copy."""
    name = path.rpartition("/")[2]
    stem, dot, ending = name.rpartition(".")
    stem = (stem if dot and len(ending) <= len("jpeg2") else name)[:LONGEST]
    for form in _FORMS:
        if found := form.fullmatch(stem):
            return found[1], True
    return stem, False


def named_alike(paths: Sequence[str]) -> NDArray[np.int64]:
    """Pairs int64 [P, 2] of places, rising, of pictures of one origin by their names; a copy is one of the two."""
    together: dict[str, list[int]] = defaultdict(list)
    copies = set()
    for place, path in enumerate(paths):
        origin, copied = origin_of(path)
        together[origin].append(place)
        if copied:
            copies.add(place)
    pairs = [
        (place, other)
        for places in together.values()
        if 1 < len(places) <= LARGEST
        for number, place in enumerate(places)
        for other in places[number + 1 : number + 1 + NEXT]
        if place in copies or other in copies
    ]
    return np.array(pairs, np.int64).reshape(-1, 2)
