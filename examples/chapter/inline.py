"""Pictures inside a notebook: what a row has drawn, and the curves of what it has trained."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Final

from common import ASKED, folder, history_of
from training_curves import draw_curves

MOST: Final = 40  # pictures of a row
KINDS: Final = ("again", "dense-256")  # what a row calls a run beside its own


def show(options: argparse.Namespace, row: int) -> list[Path]:
    """Show the pictures below the results of a row, each under its name; returns their files."""
    display = import_module("IPython.display")  # only where a notebook runs
    place = folder(options, row)
    others = set[Path]()  # curves of runs that other options made
    for history in sorted(place.glob("*/history.jsonl")):
        curves = place / f"curves-{history.parent.name}.png"
        if not any(history.parent.name in (run.name, *(f"{run.name}-{kind}" for kind in KINDS)) for run in ASKED):
            others.add(curves)
            continue
        rows = [epoch for epoch in history_of(history.parent) if epoch.get("valid_loss") is not None]
        if rows and "train_loss" in rows[0]:
            draw_curves(rows, curves, title=f"Row {row}: {history.parent.name}")
    drawn = sorted([*{*place.glob("*.png")} - others, *place.glob("heat-map-*/*.png")])[:MOST]
    for file in drawn:
        display.display(display.Markdown(f"`{file.relative_to(place)}`"), display.Image(filename=str(file)))
    return drawn
