"""Whether a model in int8 may stand for the one in float32: both asked about the same valid pictures, pair by pair.

Legend: N pictures, D features, K classes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart import files
from tellapart.bundle.bundle import Bundle
from tellapart.bundle.runtimes import Run
from tellapart.classifier import Classifier
from tellapart.errors import ModelFileError
from tellapart.evaluation.paired import compare_answers
from tellapart.evaluation.selective import selective_figures
from tellapart.export.agreement import Said, said_by_graph
from tellapart.export.onnx_file import AGAIN
from tellapart.export.verify import concatenated, shown_and_expected
from tellapart.heads.abstention import Flags
from tellapart.progress import Progress, in_stage
from tellapart.shape import ANYTHING, NUMBER, misfit
from tellapart.types import Labels, Pixels

SCHEMA: Final = 1
MOST_LOST: Final = 0.005  # of the accuracy
MOST_RISEN: Final = 0.01  # of the log loss, nats
SLIGHT: Final = 0.001  # nats: a rise of less is of no account, however sure
SURE: Final = 1.96  # standard errors either side of a mean, for 95 %
SMALLEST: Final = 1e-12  # a probability below it counts as this much in the log loss
DIGITS: Final = 5  # of a feature that is told of a test card
TOLD: Final = {
    "schema": int,
    "figures": {str: ANYTHING},
    "cards": {
        "probabilities": [[NUMBER]],
        "labels": [int],
        "unsure?": [bool],
        "unlike?": [bool],
        "features": [[NUMBER]],
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What both are asked about, and what is right.

    Attributes:
        truth: int64 [N], the classes that the pictures show.
        groups: int64 [N], the same for pictures that belong together.
        shown: gives the picture uint8 [H, W, 3] of a row.
    """

    truth: Labels
    groups: NDArray[np.int64]
    shown: Callable[[int], Pixels]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What one model says of N pictures, and how long a picture takes it, at the median, in ms."""

    said: Said
    milliseconds: float


def side_by_side(
    runs: tuple[Run, Run], asked: Asked, classifier: Classifier, *, progress: Progress
) -> tuple[Answered, Answered]:
    """Two models on the same pictures, by turns, so that whatever else the machine does slows down both alike."""
    parts: tuple[list[Said], list[Said]] = ([], [])
    seconds: tuple[list[float], list[float]] = ([], [])
    with in_stage(progress, "Asking float32 and int8", total=len(asked.truth), unit="pictures"):
        for row in range(len(asked.truth)):
            pixels = asked.shown(row)
            for which in (0, 1) if row % 2 else (1, 0):
                begun = time.perf_counter()
                said = said_by_graph(runs[which], [pixels], classifier)
                seconds[which].append(time.perf_counter() - begun)
                parts[which].append(said)
            progress.advance()
    before, after = (
        Answered(said=concatenated(own), milliseconds=1e3 * median(times))
        for own, times in zip(parts, seconds, strict=True)
    )
    return before, after


def paired_figures(
    before: Answered, after: Answered, *, truth: Labels, groups: NDArray[np.int64], promised: float | None
) -> dict[str, Any]:
    """What there is to say of int8 beside float32; JSON-ready, `kept` and `faults` included.

    Args:
        before: float32.
        after: int8.
        truth: int64 [N], at least one.
        groups: int64 [N].
        promised: the largest share of the answers that are not unsure that may be wrong; None for no promise.
    """
    right = [each.said.labels == truth for each in (before, after)]
    pair = compare_answers(right[1].astype(np.int64) - right[0].astype(np.int64), groups)
    losses = [log_losses(each.said, truth) for each in (before, after)]
    chosen = [selective_figures(each.said.flags, correct=own) for each, own in zip((before, after), right, strict=True)]
    figures = {
        "pictures": len(truth),
        "labels_changed": int((before.said.labels != after.said.labels).sum()),
        "accuracy": [float(own.mean()) for own in right],
        "difference": pair["difference"],
        "p_value": pair["p_value"],
        "log_loss": [float(own.mean()) for own in losses],
        "rise": rise(losses[1] - losses[0], groups),
        "promised": promised,
        "sure": [each["coverage"]["value"] for each in chosen],
        "wrong_of_sure": [each["error"]["value"] for each in chosen],
        "unlike": [each["unlike"]["value"] for each in chosen],
        "milliseconds": [round(each.milliseconds, 3) for each in (before, after)],
    }
    faults = [words for words, amiss in FAULTS if amiss(figures)]
    return {**figures, "kept": not faults, "faults": faults}


def log_losses(said: Said, truth: Labels) -> NDArray[np.float64]:
    """The log loss of each picture, float64 [N]."""
    own = said.probabilities[np.arange(len(truth)), truth]
    losses: NDArray[np.float64] = -np.log(np.clip(own, SMALLEST, 1.0))
    return losses


def rise(differences: NDArray[np.float64], groups: NDArray[np.int64]) -> dict[str, float]:
    """The mean of differences float64 [N] with its 95 % interval, pictures of one group counting as one throw.

    The normal approximation of a mean with clusters (Liang and Zeger, 1986, doi:10.1093/biomet/73.1.13).
    """
    mean = float(differences.mean())
    _, group = np.unique(groups, return_inverse=True)
    error = math.sqrt(float((np.bincount(group, weights=differences - mean) ** 2).sum())) / len(differences)
    return {"value": mean, "low": mean - SURE * error, "high": mean + SURE * error}


def worse_labels(figures: dict[str, Any]) -> bool:
    """Whether it is right less often, by more than is allowed or more than chance would have it."""
    value, shown = figures["difference"]["value"], figures["p_value"] < 0.05
    return bool(value < -MOST_LOST - 1e-9 or (shown and value < 0))


def worse_loss(figures: dict[str, Any]) -> bool:
    return bool(figures["rise"]["value"] > MOST_RISEN or figures["rise"]["low"] > SLIGHT)


def broken_promise(figures: dict[str, Any]) -> bool:
    promised, wrong = figures["promised"], figures["wrong_of_sure"][1]
    return promised is not None and wrong is not None and bool(wrong > promised)


Amiss = Callable[[dict[str, Any]], bool]
FAULTS: Final[Sequence[tuple[str, Amiss]]] = (
    ("labels", worse_labels),
    ("log loss", worse_loss),
    ("promise", broken_promise),
)


def figures_in_words(figures: dict[str, Any]) -> str:
    """The figures as one clause, float32 first."""
    accuracy, loss, wrong = figures["accuracy"], figures["log_loss"], figures["wrong_of_sure"]
    promised = "" if figures["promised"] is None else f" (promised: {100 * figures['promised']:.3g} %)"
    sure = [f"{100 * share:.2f}" if share is not None else "-" for share in wrong]
    times = figures["milliseconds"]
    return (
        f"on {figures['pictures']:,} valid pictures accuracy {100 * accuracy[0]:.2f} to {100 * accuracy[1]:.2f} % "
        f"(p = {figures['p_value']:.2g}), log loss {loss[0]:.4f} to {loss[1]:.4f}, wrong where sure {sure[0]} to "
        f"{sure[1]} %{promised}, {times[0]:.1f} to {times[1]:.1f} ms a picture"
    )


def told(bundle: Bundle, run: Run, figures: dict[str, Any]) -> tuple[str, Said]:
    """What an export in int8 says of itself, JSON: the figures, and how it answers about the test cards; those too.

    It does not answer about them as the model file does, so this is what it is held to wherever it arrives.
    """
    pictures, _ = shown_and_expected(bundle)
    said = said_by_graph(run, pictures, bundle.classifier)
    features = [] if said.features is None else said.features.tolist()
    cards = {
        "probabilities": said.probabilities.tolist(),
        "labels": said.labels.tolist(),
        **({} if said.flags.unsure is None else {"unsure": said.flags.unsure.tolist()}),
        **({} if said.flags.unlike is None else {"unlike": said.flags.unlike.tolist()}),
        "features": [[float(f"{value:.{DIGITS}g}") for value in row] for row in features],
    }
    return files.to_json({"schema": SCHEMA, "figures": figures, "cards": cards}), said


def told_answers(text: str, bundle: Bundle, *, where: Any) -> Said:  # noqa: ANN401 - a path or what it is called
    """How an export in int8 says that it answers about the test cards of a bundle.

    Raises:
        ModelFileError: it says nothing of the kind.
    """
    try:
        document = files.parse_json(text.encode())
    except ValueError:
        document = None
    _, expected = shown_and_expected(bundle)
    if misfit(document, TOLD) is None:
        cards = document["cards"]
        said = Said(
            probabilities=as_array(cards["probabilities"], np.float64),
            labels=as_array(cards["labels"], np.int64),
            flags=Flags(unsure=marks(cards.get("unsure")), unlike=marks(cards.get("unlike"))),
            features=as_array(cards["features"], np.float32),
        )
        if shapes(said) == shapes(expected):
            return said
    raise ModelFileError("what it says of its answers in int8 makes no sense", where=where, hint=AGAIN)


def as_array(values: list[Any], kind: Any) -> NDArray[Any]:  # noqa: ANN401 - a dtype
    """Rows as an array; an empty one where they are not of one length."""
    even = len({len(row) if isinstance(row, list) else 0 for row in values}) == 1
    return np.array(values if even else [], kind)


def marks(values: list[bool] | None) -> NDArray[np.bool_] | None:
    return None if values is None else np.array(values, np.bool_)


def shapes(said: Said) -> list[tuple[int, ...] | None]:
    each = (said.probabilities, said.labels, said.flags.unsure, said.flags.unlike, said.features)
    return [None if values is None else values.shape for values in each]
