"""Curves of a training: accuracy and loss, epoch by epoch, as a picture file; smoothed where that is asked for."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tellapart import files
from tellapart.errors import DataError, MissingExtraError, UsageError

CHAPTER_SMOOTHING: Final = 0.8
PANELS: Final = (("accuracy", "Accuracy"), ("loss", "Loss"))
SPLITS: Final = (
    ("train", "training", "o"),
    ("clean_train", "training pictures as they are", "--"),
    ("valid", "validation", "-"),
)
EPOCH: Final = frozenset({"epoch", "train_loss", "train_accuracy"})  # what every row of a history of epochs has
FEW: Final = 10  # epochs; of so few every point is marked, as a line of one point cannot be seen
HINT: Final = "Install it with: pip install 'tellapart[figures]'"


def smooth(values: Sequence[float], *, factor: float = CHAPTER_SMOOTHING) -> list[float]:
    """The exponential moving average: each value is factor of the one before it, smoothed, and the rest of its own.

    Args:
        values: in order; the first stays as it is.
        factor: from 0, which changes nothing, to below 1.

    Raises:
        UsageError: the factor is outside.
    """
    if not 0 <= factor < 1:
        raise UsageError("the smoothing factor must be from 0 to below 1", where=str(factor))
    smoothed: list[float] = []
    for value in values:
        smoothed.append(smoothed[-1] * factor + value * (1 - factor) if smoothed else value)
    return smoothed


def has_epochs(history: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a history is of epochs, as that of a recipe that trains a net."""
    return bool(history) and all(row.keys() >= EPOCH for row in history)


def draw_curves(
    history: Sequence[Mapping[str, Any]],
    out: Path,
    *,
    smoothing: float = 0.0,
    kept: int | None = None,
    title: str = "",
) -> Path:
    """Write accuracy and loss of every epoch as a picture: training in dots, validation as a line; returns out.

    A star is at the least loss on validation as it is drawn.

    Args:
        history: a row an epoch, as in history.jsonl of a recipe that trains a net.
        out: the file; its suffix says the format: .png, .svg or .pdf.
        smoothing: factor of the exponential moving average of all curves; 0 draws them as they are.
        kept: the epoch whose weights were kept, marked by a dotted upright; None for no mark.
        title: written above.

    Raises:
        MissingExtraError: matplotlib is not installed.
        DataError: the history is not of epochs.
        UsageError: no picture has such a suffix, or the smoothing is out of range.
        OutputError: the file cannot be written.
    """
    if not has_epochs(history):
        hint = "Recipes that train a net have one: scratch, scratch-augmented, finetune."
        raise DataError("there is no history of epochs to draw", hint=hint)
    figure = _load_figure_class()(figsize=(10, 4), layout="constrained")
    for axes, (measure, name) in zip(figure.subplots(1, 2), PANELS, strict=True):
        _plot(axes, history, measure, smoothing=smoothing)
        if kept is not None:
            axes.axvline(kept, color="grey", linestyle=":", label=f"kept: epoch {kept}")
        axes.set(xlabel="epoch", title=f"{name}, smoothed by {smoothing}" if smoothing else name)
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        if len(history) <= FEW:  # one epoch alone would stand on an axis from 0.96 to 1.04
            axes.set_xlim(history[0]["epoch"] - 0.5, history[-1]["epoch"] + 0.5)
        axes.grid(alpha=0.3)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, frameon=False)  # below: it hides no point
    figure.suptitle(title)
    content = io.BytesIO()
    try:
        figure.savefig(content, format=out.suffix.removeprefix(".") or "png")
    except ValueError as error:
        raise UsageError("no picture of curves has this suffix", where=out, hint="Use .png, .svg or .pdf.") from error
    files.write_bytes(out, content.getvalue())
    return out


def _plot(axes: Any, history: Sequence[Mapping[str, Any]], measure: str, *, smoothing: float) -> None:  # noqa: ANN401
    """The curves of a measure, of each split that has it, and a star at the least loss on validation."""
    mark = "s" if len(history) <= FEW else ""
    for split, label, form in SPLITS:
        points = [(row["epoch"], value) for row in history if (value := row.get(f"{split}_{measure}")) is not None]
        if not points:
            continue
        epochs, values = zip(*points, strict=True)
        drawn = smooth(values, factor=smoothing)
        axes.plot(epochs, drawn, form if form == "o" else form + mark, label=label, markersize=4)
        if (split, measure) == ("valid", "loss"):
            loss, epoch = min(zip(drawn, epochs, strict=True))
            axes.plot(epoch, loss, "k*", label=f"least on validation: epoch {epoch}", markersize=12, fillstyle="none")


def _load_figure_class() -> Any:  # noqa: ANN401 - a class of an optional library
    """Matplotlib's Figure; without pyplot, which would choose a window system and keep every figure.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("curves need matplotlib", hint=HINT) from error
    return Figure
