"""What Label Studio says of parts of a picture, in its tasks and in its tables."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from tellapart.types import Box


def regions_of(value: object, *, source: str) -> list[tuple[str, Box | None]]:
    """Label and box of each part of a picture that a cell of Label Studio's JSON-MIN or CSV names; [] for other cells.

    Source: the part on JSON-MIN and CSV of the page "Export annotations" of its guide.
    """
    parts = _parsed(value) if isinstance(value, str) else value
    if not isinstance(parts, list) or not parts or not all(isinstance(each, Mapping) for each in parts):
        return []
    found: list[tuple[str, Box | None]] = []
    for part in parts:
        labels = next((named for key, named in part.items() if key.endswith("labels") and isinstance(named, list)), [])
        box = box_of_shape(part, part, source=source)
        found += [(str(label), box) for label in labels]
    return found


def _parsed(text: str) -> object:
    if text[:2] != "[{":
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def box_of_shape(value: Mapping[str, Any], result: Mapping[str, Any], *, source: str) -> Box | None:
    """The box around a rectangle, ellipse or polygon, in per cent of the sides as shown; None for any other shape.

    Source: the pages on rectangles, ellipses and polygons of Label Studio's guide. A turned rectangle has its turn, in
    degrees, about its upper left corner.
    """
    try:
        across, down = zip(*_points(value, result), strict=True)
    except (KeyError, TypeError, ValueError):
        return None
    left, top = min(across) / 100, min(down) / 100
    width, height = max(across) / 100 - left, max(down) / 100 - top
    return Box(left=left, top=top, width=width, height=height, unit="fractions", source=source)


def _points(value: Mapping[str, Any], result: Mapping[str, Any]) -> list[tuple[float, float]]:
    """The corners of a shape, in per cent; a KeyError, TypeError or ValueError where it has none."""
    if "points" in value:
        return [(float(across), float(down)) for across, down in value["points"]]
    left, top = float(value["x"]), float(value["y"])
    if "radiusX" in value:
        across, down = float(value["radiusX"]), float(value["radiusY"])
        return [(left - across, top - down), (left + across, top + down)]
    width, height = float(value["width"]), float(value["height"])
    angle = math.radians(float(value.get("rotation") or 0))
    if not angle:
        return [(left, top), (left + width, top + height)]
    shape = float(result["original_width"]) / float(result["original_height"])
    return [
        (
            left + across * math.cos(angle) - down / shape * math.sin(angle),
            top + across * shape * math.sin(angle) + down * math.cos(angle),
        )
        for across in (0.0, width)
        for down in (0.0, height)
    ]
