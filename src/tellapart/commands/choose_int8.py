"""Which way of computing in int8 answers the valid pictures of a model's run as well as float32 does, if any.

Legend: N pictures, H W sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tellapart.bundle.bundle import Bundle
from tellapart.bundle.parity import whole_picture
from tellapart.bundle.runtimes import model_run
from tellapart.errors import DataError, ModelFileError
from tellapart.export.int8 import Asked, figures_in_words, paired_figures, side_by_side
from tellapart.export.openvino_folder import float_model
from tellapart.export.quantise import ATTEMPTS, quantised
from tellapart.features.look import with_white
from tellapart.progress import Progress
from tellapart.runs.learned import SplitPictures, learned_pictures
from tellapart.seeds import generator
from tellapart.types import Pixels

CALIBRATING: Final = 200  # pictures of train at most
JUDGING: Final = 2_000  # pictures of valid at most
FEWEST: Final = 100  # with fewer pictures of valid nothing can be said of half a point


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A model of OpenVINO's in int8 that was taken, and its figures beside those of float32."""

    model: Any
    figures: dict[str, Any]


def choose_int8(bundle: Bundle, model: Path, *, data: Path | None, out: Path, progress: Progress) -> Chosen:
    """The first of ATTEMPTS that holds what float32 has shown.

    Args:
        bundle: the model file, read.
        model: where it lies, in the folder of its run.
        data: where the pictures of the run are now; None for where the run says.
        out: what is to be written, for the message.
        progress: told of every attempt.

    Raises:
        ModelFileError: none does; the message has the figures of the best.
        DataError: the run or its pictures are not there, or there are too few of them.
        MissingExtraError: NNCF is not installed.
    """
    classifier = bundle.classifier
    learned = learned_pictures(model, named=data, classes=classifier.classes, progress=progress)
    base = with_white(classifier.base, learned["train"].index.pictures, progress)
    train, valid = (
        drawn_pictures(learned[split], most, white=base.preprocess.white)
        for split, most in (("train", CALIBRATING), ("valid", JUDGING))
    )
    asked = judged_by(bundle, learned["valid"], *valid)
    guarantee = classifier.abstention.guarantee
    exact, tried = float_model(bundle), list[dict[str, Any]]()
    for number, attempt in enumerate(ATTEMPTS, 1):
        progress.note(f"int8, attempt {number} of {len(ATTEMPTS)}: {attempt.words}.")
        made = quantised(exact, classifier.base, train[1], train[0], attempt=attempt)
        answered = side_by_side((model_run(exact), model_run(made)), asked, classifier, progress=progress)
        promised = None if guarantee is None else guarantee.error
        figures = paired_figures(*answered, truth=asked.truth, groups=asked.groups, promised=promised)
        figures = {"quantised": attempt.words, "calibrated_by": len(train[0]), **figures}
        if figures["kept"]:
            return Chosen(model=made, figures=figures)
        progress.note(f"Not kept ({', '.join(figures['faults'])}): {figures_in_words(figures)}.")
        tried.append(figures)
    best = min(tried, key=lambda figures: (len(figures["faults"]), figures["rise"]["value"]))
    what = (
        f"int8 answers worse than float32 ({', '.join(best['faults'])}): {figures_in_words(best)}; nothing was written"
    )
    raise ModelFileError(what, where=out, hint="Export it without --int8.")


def drawn_pictures(
    learned: SplitPictures, most: int, *, white: int | None
) -> tuple[list[int], Callable[[int], Pixels]]:
    """Rows of at most so many pictures that can be read, drawn by a fixed seed, and what gives the picture of one."""
    count = len(learned.rows)
    drawn = generator(0, "int8", learned.rows[0].split).permutation(count)

    def picture(row: int) -> Pixels | None:
        return whole_picture(learned.index, row, white=white)

    rows = list[int]()
    for row in drawn.tolist():
        if len(rows) == most:
            break
        if picture(row) is not None:
            rows.append(row)
    if not rows:
        raise DataError("not one of its pictures can be read", where=learned.index.root)

    def shown(row: int) -> Pixels:
        pixels = picture(row)
        if pixels is None:
            path = learned.rows[row].path
            raise DataError("this picture can no longer be read", where=path, hint="Restore it, or try again.")
        return pixels

    return sorted(rows), shown


def judged_by(bundle: Bundle, valid: SplitPictures, rows: list[int], shown: Callable[[int], Pixels]) -> Asked:
    """What both models are asked about.

    Raises:
        DataError: there are too few pictures to judge by.
    """
    if len(rows) < FEWEST:
        what = f"int8 is judged by {FEWEST} pictures of valid or more, and {len(rows)} can be read"
        raise DataError(what, where=valid.index.root, hint="Train with more pictures, or export without --int8.")
    position = {name: place for place, name in enumerate(bundle.classifier.classes)}
    own = [valid.rows[row] for row in rows]
    # a picture without a group is one of its own
    names = [f"group {row.group}" if row.group else f"picture {row.path}" for row in own]
    return Asked(
        truth=np.array([position[row.label] for row in own], np.int64),
        groups=np.unique(names, return_inverse=True)[1].astype(np.int64),
        shown=lambda place: shown(rows[place]),
    )
