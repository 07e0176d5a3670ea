"""The part of a base that stays frozen: run once over every augmented view, what it gives kept on disk.

The engine computes the map at which the base is cut, and the features of the depths before it; an epoch of training
reads them instead of decoding, warping and computing again. Of several bases that are joined, those before the last
are frozen as a whole.

Legend: N pictures, V views, C channels, h w sides of a map, S side of a square, P features of the frozen depths.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.engine import Engine, native_precision
from tellapart.cores import thread_count
from tellapart.data.prefetch import look_ahead
from tellapart.data.preprocess import Preprocess
from tellapart.finetuning.split_point import Cut
from tellapart.nets.mapped_file import kept_array, reserved_array
from tellapart.progress import Progress, in_stage
from tellapart.types import Features, Pixels

LIMIT = 4_000_000_000  # bytes on disk
LOOK_AHEAD = 8  # pictures, each with all its views
LARGEST_HALF = 65504.0  # where float16 ends
MAP = "map"

Show = Callable[[Preprocess, int], Pixels]  # of a base, and row, to uint8 [V, S, S, 3]: every view of that picture
Views = NDArray[np.float16]  # [N, V, P + h * w * C]


def views_within_bytes(frozen: Sequence[Backbone], *, pictures: int, wanted: int, limit: int = LIMIT) -> int:
    """How many views of each picture may be kept without going beyond limit bytes; at least 1."""
    return max(1, min(wanted, limit // (pictures * _width(frozen) * np.dtype(np.float16).itemsize)))


def _width(frozen: Sequence[Backbone]) -> int:
    return sum(base.width for base in frozen)


def keep_views(
    frozen: Sequence[Backbone],
    show: Show,
    *,
    pictures: int,
    views: int,
    path: Path,
    progress: Progress,
    stage: str = "Looking at views",
) -> Views:
    """What the frozen part gives for every view of every picture, in a file that is mapped into memory.

    `frozen` are bases of which each gives some columns, in their order, as `frozen_bases` has them. `show` makes all
    views of one picture for one of them, so that it is decoded once; it is called from several threads. A file that is
    there is taken as it is, so its name must say what is in it. The listener is told the stage.

    Raises:
        OutputError: the file cannot be written, or the disk has too little space for it.
    """
    shape = (pictures, views, _width(frozen))
    if (found := kept_array(path, shape=shape, dtype=np.float16)) is not None:
        return found
    partial_file = path.with_suffix(".part")
    kept = reserved_array(partial_file, shape=shape, dtype=np.float16)
    first = 0
    for base in frozen:
        named = f" ({base.name})" if len(frozen) > 1 else ""
        with in_stage(progress, f"{stage}{named}", total=pictures * views, unit="views"):
            _fill(base, partial(show, base.preprocess), kept[..., first : first + base.width], progress=progress)
        first += base.width
    partial_file.replace(path)
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def frozen_bases(backbone: Backbone, cut: Cut) -> tuple[Backbone, ...]:
    """The frozen part as bases of its own, with those depths alone that the cut names.

    Of a joined base the halves that are not cut come first; a row of theirs and one of the last, side by side, is what
    `finetuning.tune.build_module` takes.
    """
    *beside, last = backbone.singles
    halves = [(half, _kept(half, backbone.own_depths(half), cut)) for half in beside]
    looking = (_with_depths(half, depths) for half, depths in halves if depths)
    return (*looking, _prefix(last, _kept(last, backbone.own_depths(last), cut), cut))


def _kept(single: Backbone, names: Mapping[str, str], cut: Cut) -> dict[str, str]:
    """The depths of a single base that the cut names as frozen, with their tensors."""
    outputs = dict(zip(single.widths, single.outputs, strict=True))
    return {depth: outputs[depth] for name, depth in names.items() if name in cut.frozen}


def _with_depths(single: Backbone, depths: Mapping[str, str]) -> Backbone:
    widths = {depth: single.widths[depth] for depth in depths}
    return replace(single, widths=widths, outputs=tuple(depths.values()), plain=None)


def _prefix(single: Backbone, depths: Mapping[str, str], cut: Cut) -> Backbone:
    """A base as far as its cut: frozen depths with their tensors, then the map [h, w, C] or tokens [T, C] flat."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_from_string(single.graph)
    last = cut.tensor
    if len(cut.shape) == 3:
        last = f"{MAP}_last"
        model.graph.node.append(helper.make_node("Transpose", [cut.tensor], [last], name=last, perm=[0, 2, 3, 1]))
    model.graph.node.append(helper.make_node("Flatten", [last], [MAP], name=MAP, axis=1))
    model.graph.output.append(helper.make_tensor_value_info(MAP, TensorProto.FLOAT, ["N", cut.values]))
    graph = bytes(model.SerializeToString(deterministic=True))
    with_map = replace(single, widths={**single.widths, MAP: cut.values}, outputs=(*single.outputs, MAP), graph=graph)
    return _with_depths(with_map, {**depths, MAP: MAP})


def _fill(base: Backbone, show: Callable[[int], Pixels], kept: Views, *, progress: Progress) -> None:
    """Fill columns of the rows, picture after picture. Values beyond float16 are held at its ends."""
    pictures, views, _ = kept.shape
    engine = Engine(base, precision=native_precision())

    def receive(features: Features, *, first: int) -> None:
        numbers = np.arange(first, first + len(features))
        kept[np.divmod(numbers, views)] = features.clip(-LARGEST_HALF, LARGEST_HALF)
        progress.advance(len(features))

    try:
        shown = look_ahead(show, range(pictures), threads=thread_count(), most=LOOK_AHEAD)
        with contextlib.closing(shown):
            squares = chain.from_iterable(shown)
            for first in range(0, pictures * views, engine.pictures):
                batch = np.stack(list(islice(squares, engine.pictures)))
                engine.submit(batch, partial(receive, first=first))
        engine.wait()
    finally:
        engine.drain()
