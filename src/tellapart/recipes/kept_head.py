"""The search of a head, kept on disk: it comes out the same for the same features and labels, and takes seconds.

Legend: N pictures, n of train, D features, d that a head reads, K classes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.features.kept import Input, Kept, result_key
from tellapart.heads.linear import LinearHead
from tellapart.heads.search import HeadSearch
from tellapart.recipes.request import Dataset

SOURCES = ("heads", "types.py", "seeds.py")
LINE = b"\n"  # behind the JSON, before the arrays
KEPT = np.dtype("<f4")


def kept_search(search: partial[HeadSearch], dataset: Dataset, *, valid: slice | None) -> Kept[HeadSearch]:
    """Where is kept what a search finds on train, but for its `held_out`.

    Args:
        search: `search_head` with what it is asked, see `recipes.features.head_search`.
        dataset: the pictures.
        valid: the rows to choose by; None for folds of train.
    """
    asked = {name: value for name, value in search.keywords.items() if name not in ("progress", "groups")}
    inputs = searched_in(dataset, json.dumps(asked, default=repr), search.keywords["groups"], valid=valid)
    width = dataset.features.shape[1] if dataset.left is None else dataset.left.base.width
    unpack = partial(unpack_search, width=width, class_count=len(dataset.classes))
    return Kept(key=result_key("head", inputs, sources=SOURCES), pack=pack_search, unpack=unpack)


def searched_in(
    dataset: Dataset, asked: str, groups: NDArray[np.int64] | None, *, valid: slice | None
) -> Iterator[Input]:
    """Everything that a search of a head depends on."""
    yield json.dumps([asked, valid is None, groups is None, dataset.weights is None]).encode()
    if groups is not None:
        yield np.ascontiguousarray(groups)
    for rows in (dataset.train, *([] if valid is None else [valid])):
        yield dataset.features[rows] if dataset.left is None else dataset.left.digest(rows)
        yield dataset.labels[rows]
        if dataset.weights is not None:
            yield np.ascontiguousarray(dataset.weights[rows])


def pack_search(found: HeadSearch) -> bytes:
    """The search without its `held_out`: a line of JSON, and behind it weight and bias, float32 of little end."""
    head = found.head
    about = {"selected": found.selected, "history": found.history, "columns": [head.start, head.stop]}
    arrays = head.weight.astype(KEPT), head.bias.astype(KEPT)
    return LINE.join([json.dumps(about).encode(), b"".join(array.tobytes() for array in arrays)])


def unpack_search(packed: bytes, *, width: int, class_count: int) -> HeadSearch:
    """A search over features of some width from what `pack_search` made of it.

    Raises:
        ValueError, KeyError, TypeError: it is not that.
    """
    line, _, content = packed.partition(LINE)
    about: dict[str, Any] = json.loads(line)
    start, stop = about["columns"]
    numbers = np.frombuffer(content, KEPT).astype(np.float32)
    if not (type(start) is int and type(stop) is int and 0 <= start < stop <= width) or not np.isfinite(numbers).all():
        raise ValueError("no head of these features")
    rows = numbers.reshape(stop - start + 1, class_count)  # the last is the bias
    head = LinearHead(weight=rows[:-1].copy(), bias=rows[-1].copy(), start=start, stop=stop)
    return HeadSearch(head=head, selected=dict(about["selected"]), history=tuple(map(dict, about["history"])))
