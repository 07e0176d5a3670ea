"""The part of a base that stays frozen: run once over every augmented view, what it gives kept on disk.

The engine computes the map at which the base is cut, and the features of the depths before it; an epoch of training
reads them instead of decoding, warping and computing again.

Legend: N pictures, V views, C channels, h w sides of a map, S side of a square, P features of the frozen depths.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
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
from tellapart.finetuning.split_point import Cut
from tellapart.nets.mapped_file import kept_array, reserved_array
from tellapart.progress import Progress, in_stage
from tellapart.types import Features, Pixels

LIMIT = 4_000_000_000  # bytes on disk
LOOK_AHEAD = 8  # pictures, each with all its views
LARGEST_HALF = 65504.0  # where float16 ends
MAP = "map"

Show = Callable[[int], Pixels]  # row to uint8 [V, S, S, 3]: every view of that picture


Views = NDArray[np.float16]  # [N, V, P + h * w * C]


def views_within_bytes(prefix: Backbone, *, pictures: int, wanted: int, limit: int = LIMIT) -> int:
    """How many views of each picture may be kept without going beyond limit bytes; at least 1."""
    return max(1, min(wanted, limit // (pictures * prefix.width * np.dtype(np.float16).itemsize)))


def keep_views(
    prefix: Backbone,
    show: Show,
    *,
    pictures: int,
    views: int,
    path: Path,
    progress: Progress,
    stage: str = "Looking at views",
) -> Views:
    """What the frozen part gives for every view of every picture, in a file that is mapped into memory.

    `show` makes all views of one picture, so that it is decoded once; it is called from several threads. A file that is
    there is taken as it is, so its name must say what is in it. The listener is told the stage.

    Raises:
        OutputError: the file cannot be written, or the disk has too little space for it.
    """
    shape = (pictures, views, prefix.width)
    if (found := kept_array(path, shape=shape, dtype=np.float16)) is not None:
        return found
    partial_file = path.with_suffix(".part")
    kept = reserved_array(partial_file, shape=shape, dtype=np.float16)
    with in_stage(progress, stage, total=pictures * views, unit="views"):
        _fill(prefix, show, kept, progress=progress)
    partial_file.replace(path)
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


def prefix_backbone(backbone: Backbone, cut: Cut) -> Backbone:
    """The frozen part as a base of its own: the frozen depths, then the map [h, w, C] or tokens [T, C] flat."""
    import onnx
    from onnx import TensorProto, helper

    model = onnx.load_from_string(backbone.graph)
    last = cut.tensor
    if len(cut.shape) == 3:
        last = f"{MAP}_last"
        model.graph.node.append(helper.make_node("Transpose", [cut.tensor], [last], name=last, perm=[0, 2, 3, 1]))
    model.graph.node.append(helper.make_node("Flatten", [last], [MAP], name=MAP, axis=1))
    model.graph.output.append(helper.make_tensor_value_info(MAP, TensorProto.FLOAT, ["N", cut.values]))
    outputs = dict(zip(backbone.widths, backbone.outputs, strict=True))
    return replace(
        backbone,
        graph=bytes(model.SerializeToString(deterministic=True)),
        widths={depth: backbone.widths[depth] for depth in cut.frozen} | {MAP: cut.values},
        outputs=(*(outputs[depth] for depth in cut.frozen), MAP),
    )


def _fill(prefix: Backbone, show: Show, kept: Views, *, progress: Progress) -> None:
    """Fill the rows, picture after picture. Values beyond float16 are held at its ends."""
    pictures, views, width = kept.shape
    rows = kept.reshape(pictures * views, width)
    engine = Engine(prefix, precision=native_precision())

    def receive(features: Features, *, first: int) -> None:
        rows[first : first + len(features)] = features.clip(-LARGEST_HALF, LARGEST_HALF)
        progress.advance(len(features))

    try:
        shown = look_ahead(show, range(pictures), threads=thread_count(), most=LOOK_AHEAD)
        with contextlib.closing(shown):
            squares = chain.from_iterable(shown)
            for first in range(0, len(rows), engine.pictures):
                batch = np.stack(list(islice(squares, engine.pictures)))
                engine.submit(batch, partial(receive, first=first))
        engine.wait()
    finally:
        engine.drain()
