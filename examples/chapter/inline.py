"""Pictures inside a notebook: what a row has drawn, and the curves of what it has trained."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Final

from common import folder, history_of
from training_curves import draw_curves

MOST: Final = 40  # pictures of a row


def show(options: argparse.Namespace, row: int) -> list[Path]:
    """Show the pictures below the results of a row, each under its name; returns their files."""
    display = import_module("IPython.display")  # only where a notebook runs
    place = folder(options, row)
    for history in sorted(place.glob("*/history.jsonl")):
        rows = [epoch for epoch in history_of(history.parent) if epoch.get("valid_loss") is not None]
        if rows and "train_loss" in rows[0]:
            draw_curves(rows, place / f"curves-{history.parent.name}.png", title=f"Row {row}: {history.parent.name}")
    drawn = sorted([*place.glob("*.png"), *place.glob("heat-map-*/*.png")])[:MOST]
    for file in drawn:
        display.display(display.Markdown(f"`{file.relative_to(place)}`"), display.Image(filename=str(file)))
    return drawn
