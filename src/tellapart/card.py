"""A fitted classifier as a notebook shows it: a small table of HTML, in the colours of the page around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from tellapart.classifier import Classifier
from tellapart.text import counted, percent

SHOWN: Final = 10  # classes that are named
LONGEST: Final = 60  # characters of a name
_LINE: Final = "1px solid rgba(128, 128, 128, 0.45)"
_CELL: Final = "padding: 0.25em 0.75em; text-align: left; vertical-align: top; background: none; color: inherit"


def classifier_card(
    classifier: Classifier, *, classes: Sequence[object], recipe: str, valid: Mapping[str, Any] | None
) -> str:
    """The table: accuracy, classes, recipe, base, and what is promised of the answers.

    Nothing in it is a script, is loaded, or has a colour of its own but grey lines, so that it suits light and dark.

    Args:
        classifier: what was trained.
        classes: K labels as their owner has them.
        recipe: what trained it.
        valid: the figures of the pictures that it was chosen and calibrated by, or with `folds`, their number, of the
            answers of folds about all pictures; None where they are not known.
    """
    promise, sides = classifier.abstention.guarantee, [single.preprocess.size for single in classifier.base.singles]
    rows = {
        **accuracy_row(valid),
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
    named = [str(label) for label in classes[:SHOWN]]
    shown = ", ".join(name if len(name) <= LONGEST else f"{name[:LONGEST]}…" for name in named)
    more = len(classes) - SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def threshold_line(threshold: float | None) -> str:
    """From which confidence on an answer stands."""
    return "no answer is marked" if threshold is None else f"answers below a confidence of {percent(threshold)}"
