"""Runs that a row looks at again: the one that --run names, what it is of, and what the chapter reports beside it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from common import HERE, figures_of, history_of, run_of
from tellapart.errors import UsageError
from training_curves import has_epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What the chapter reports of a row, by its number; "" where it does not say."""

    row: str = ""
    epochs: str = ""
    train: str = ""  # accuracy at the end
    valid: str = ""
    test: str = ""
    least: str = ""  # the epoch of the least loss on valid
    after: str = ""  # what that loss does then


# By the recipe that goes the same way here; of cats and dogs.
REPORTED: Final[Mapping[str, Reported]] = {
    "scratch": Reported(
        row="5", epochs="30", train="near 100 %", valid="about 72 %", least="about 5", after="rises from there"
    ),
    "scratch-augmented": Reported(row="9", epochs="100", valid="82 % (last line 84.4 %)"),
    "features": Reported(row="11", epochs="30", valid="about 90 %"),
    "frozen": Reported(row="12", valid="about 96 %"),
    "finetune": Reported(row="13", epochs="100", valid="97.5 %", test="96.8 % of 1000"),
}
DIGITS: Final = Reported(row="1", epochs="5", test="99.08 % of 10000")


def look_back(row: int, options: argparse.Namespace, *, file: str = "metrics.json") -> Path:
    """The run that --run names; without it the run of a row, trained now where there is none.

    Raises:
        UsageError: --run names a folder without that file of a run.
    """
    run: Path | None = options.run
    if run is None:
        return run_of(row, options)
    if not (run / file).is_file():
        raise UsageError(f"no run with {file} in this folder", where=run, hint=who_makes(run))
    return run


def who_makes(run: Path) -> str:
    """Which row makes a run of that name, and which there are beside it."""
    programs = [*HERE.glob(f"{run.parent.name}_*.py")] if run.parent.name.isdecimal() else []
    if not programs:
        return "Rows 1, 5, 9, 11, 12 and 13 make runs, as runs/chapter/NN/SET; or tellapart train DATA -o RUN."
    short = " --short" if "-short" in run.name else ""
    made = f"Row {int(run.parent.name)} makes it: python examples/chapter/{programs[0].name}{short}"
    others = sorted(place.parent.name for place in run.parent.glob("*/metrics.json"))
    return f"{made}. There now: {', '.join(others)}." if others else f"{made}."


def epochs_of(run: Path) -> list[dict[str, Any]]:
    """The history of a run whose recipe trains a net, a row an epoch.

    Raises:
        UsageError: its recipe trains none.
    """
    history = history_of(run)
    if not has_epochs(history):
        hint = "Runs of rows 1, 5, 9 and 13 have them, and of the recipes scratch, scratch-augmented and finetune."
        raise UsageError("the run has no epochs to draw, for its recipe trains no net", where=run, hint=hint)
    return history


def reported_of(run: Path) -> Reported:
    """What the chapter reports of the row that a run goes the way of; nothing where it has no such row."""
    if not (run / "metrics.json").is_file():  # the chapter's own head leaves a history alone
        return Reported()
    figures = figures_of(run)
    if str(figures["selected"].get("net", "")).startswith("mnist"):
        return DIGITS
    return REPORTED.get(figures["recipe"], Reported())


def kept_epoch(run: Path) -> int | None:
    """The epoch whose weights a run has kept; None where it kept what it began with, or does not say."""
    if not (run / "metrics.json").is_file():
        return None
    return figures_of(run)["selected"].get("epoch") or None


def label_of(run: Path) -> str:
    """A run in the name of a file: its folder's, behind the folder's that it lies in, which of rows is a number."""
    place = run.resolve()
    return f"{place.parent.name}-{place.name}"
