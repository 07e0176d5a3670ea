"""A fitted classifier as a notebook shows it: a table, curves and a few pictures, in the colours of the page around it.

Legend: n pictures that were judged, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tellapart.classifier import Classifier
from tellapart.learn import Learned
from tellapart.recipes.scored import ScoredAnswers
from tellapart.report.charts import history_curves
from tellapart.report.evidence import Shot
from tellapart.report.history_plot import history_svg
from tellapart.report.inlined import data_address
from tellapart.report.shots import take_shots
from tellapart.text import counted, percent
from tellapart.types import Index

SHOWN: Final = 10  # classes that are named
FEW: Final = 6  # pictures of a kind: misclassified, and answered surely
ROOM: Final = 200_000  # bytes of the card for all pictures
LONGEST: Final = 60  # characters of a name
_LINE: Final = "1px solid rgba(128, 128, 128, 0.45)"
_CELL: Final = "padding: 0.25em 0.75em; text-align: left; vertical-align: top; background: none; color: inherit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A picture and what is said of it."""

    path: str  # or its place in what was given; "" where neither is known
    label: int  # its class, a position in the classes
    predicted: int  # the class that is answered
    confidence: float  # of that answer
    shot: Shot


@dataclass(frozen=True, slots=True, kw_only=True)
class CardContent:
    """What there is to show of the pictures that a classifier was judged by.

    Attributes:
        valid: the figures of the pictures that it was chosen and calibrated by, or with `folds`, their number, of the
            answers of folds about all pictures.
        examples: pictures that were misclassified, the costliest first, and then the surest right one of each class.
    """

    valid: Mapping[str, Any]
    examples: tuple[Example, ...] = ()

    def without_pictures(self) -> CardContent:
        """The same for a file, which is to hold no picture."""
        return replace(self, examples=())


def card_content(learned: Learned, *, numbered: bool) -> CardContent:
    """What a training has to show: its figures, and a few pictures made small while they are at hand.

    `numbered` says whether the names made up for pictures in memory, X[3] for the fourth, tell their place.
    """
    dataset, folds = learned.dataset, learned.folds.get("count", 0)
    answered = learned.answered["test" if folds else "valid"]
    rows = dataset.train if folds else dataset.valid
    chosen = chosen_rows(answered, dataset.labels[rows])
    pictures = [dataset.index.pictures[rows.start + row] for row in chosen]
    index: Index = replace(dataset.index, pictures=tuple(pictures))
    shots = take_shots(index, [picture.path for picture in pictures], heats={}, room=ROOM)
    examples = tuple(
        Example(
            path=picture.path if numbered or picture.row is None else "",
            label=int(dataset.labels[rows.start + row]),
            predicted=int(answered.predicted[row]),
            confidence=float(answered.probabilities[row, answered.predicted[row]]),
            shot=shots[picture.path],
        )
        for row, picture in zip(chosen, pictures, strict=True)
        if picture.path in shots
    )
    figures = {name: answered.figures[name] for name in ("accuracy", "n")}
    return CardContent(valid={**figures, "folds": folds}, examples=examples)


def chosen_rows(answered: ScoredAnswers, labels: NDArray[np.int64]) -> list[int]:
    """At most FEW rows that were misclassified, the costliest first, then the surest right one of each of FEW classes.

    Labels are int64 [n].
    """
    rows = np.arange(len(labels))
    right = answered.predicted == labels
    given = answered.probabilities[rows, labels]
    wrong = rows[~right]
    costliest = wrong[np.argsort(given[wrong], kind="stable")][:FEW].tolist()
    ranked = rows[right][np.argsort(-given[right], kind="stable")]
    _, firsts = np.unique(labels[ranked], return_index=True)
    return [*costliest, *ranked[firsts][:FEW].tolist()]


def classifier_card(
    classifier: Classifier, *, classes: Sequence[object], recipe: str, judged: CardContent | None
) -> str:
    """The card: accuracy, classes, recipe, base, what is promised of the answers; below it curves and pictures.

    Nothing in it is a script or is loaded, and the table has no colour of its own but grey lines, so that it suits
    light and dark. It takes at most some 300 kB.

    Args:
        classifier: what was trained.
        classes: K labels as their owner has them.
        recipe: what trained it.
        judged: what it was judged by; None where that is not known.
    """
    promise, sides = classifier.abstention.guarantee, [single.preprocess.size for single in classifier.base.singles]
    rows = {
        **accuracy_row(None if judged is None else judged.valid),
        "classes": f"{len(classes):,}: {names_line(classes)}",
        "recipe": recipe,
        "base": f"{classifier.base.name}, {' and '.join(f'{side} x {side}' for side in sides)} pixels",
        **({} if classifier.operating is None else {"answers": "the class of least expected cost, not the likeliest"}),
        "unsure": threshold_line(classifier.abstention.unsure),
        **({} if promise is None else {"promise": str(promise.to_json()["sentence"])}),
    }
    body = "".join(
        f'<tr style="background: none; border-top: {_LINE}"><th scope="row" style="{_CELL}">{escape(name)}</th>'
        f'<td style="{_CELL}; overflow-wrap: anywhere">{escape(value)}</td></tr>'
        for name, value in rows.items()
    )
    return (
        f'<table style="border-collapse: collapse; border-bottom: {_LINE}; max-width: 48em; color: inherit">'
        f'<caption style="{_CELL}; font-weight: bold; color: inherit">ImageClassifier, fitted</caption>'
        f"<tbody>{body}</tbody></table>"
        f"{curves(classifier)}{pictures_shown(judged, classes)}"
    )


def curves(classifier: Classifier) -> str:
    """The history as curves; "" where there are fewer than two rows."""
    history = history_curves(classifier.history, selected=classifier.selected)
    if history is None or not (history["losses"] or history["shares"]):
        return ""
    return f'<div style="margin: 0.75em 0; overflow-x: auto">{history_svg(history)}</div>'


def pictures_shown(judged: CardContent | None, classes: Sequence[object]) -> str:
    """The examples in two rows: misclassified, and answered surely."""
    if judged is None:
        return ""
    kinds = {
        "misclassified, the costliest first": [each for each in judged.examples if each.label != each.predicted],
        "right, the surest of each class": [each for each in judged.examples if each.label == each.predicted],
    }
    return "".join(
        f'<div style="margin: 0.5em 0"><div style="font-weight: bold">{title}</div>'
        f"{''.join(figure(each, classes) for each in examples)}</div>"
        for title, examples in kinds.items()
        if examples
    )


def figure(example: Example, classes: Sequence[object]) -> str:
    """One picture, with what is said of it below."""
    said = f"{short(classes[example.predicted])} {percent(example.confidence)}"
    if example.label != example.predicted:
        said += f", is {short(classes[example.label])}"
    return (
        f'<figure title="{escape(example.path)}" style="display: inline-block; margin: 0.25em 0.75em 0.25em 0; '
        f'width: 110px; vertical-align: top">'
        f'<img alt="{escape(said)}" src="{data_address(example.shot.content, example.shot.kind)}" '
        f'style="max-width: 110px; max-height: 110px; margin: 0">'
        f'<figcaption style="font-size: 0.85em; overflow-wrap: anywhere">{escape(said)}</figcaption></figure>'
    )


def accuracy_row(valid: Mapping[str, Any] | None) -> dict[str, str]:
    """How good it is, by what."""
    if valid is None:
        return {}
    return {"accuracy by folds" if valid.get("folds") else "accuracy on valid": accuracy_line(valid)}


def accuracy_line(valid: Mapping[str, Any]) -> str:
    """The accuracy with its interval, and of how many pictures."""
    accuracy = valid["accuracy"]
    interval = f"95 % interval {percent(accuracy['low'])} to {percent(accuracy['high'])}"
    pictures = counted(valid["n"], "picture")
    if folds := valid.get("folds"):
        return (
            f"{percent(accuracy['value'])} ({interval}), {pictures}, each tested by a head that had not seen it "
            f"({folds} folds)"
        )
    return (
        f"{percent(accuracy['value'])} ({interval}), {pictures}; they chose and calibrated it, so this flatters a bit"
    )


def names_line(classes: Sequence[object]) -> str:
    """The first classes by their names, and how many more there are."""
    shown = ", ".join(short(label) for label in classes[:SHOWN])
    more = len(classes) - SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def short(label: object) -> str:
    """A name that leaves room for others."""
    name = str(label)
    return name if len(name) <= LONGEST else f"{name[:LONGEST]}…"


def threshold_line(threshold: float | None) -> str:
    """From which confidence on an answer stands."""
    return "no answer is marked" if threshold is None else f"answers below a confidence of {percent(threshold)}"
