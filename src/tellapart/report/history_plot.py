"""The history of a training as a small picture of its own (SVG), for where no script runs: in notebooks.

The numbers are those of the page's chart, see `charts.history_curves`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import islice
from typing import Any, Final

WIDTH, HEIGHT = 300, 170  # of a panel, in pixels
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 34  # of its margins
COLOURS: Final = ("#0072b2", "#d55e00", "#00795a", "#a8497f", "#7a6a00", "#808080")  # Okabe and Ito's palette
DASHES: Final = ("", "7 3", "2 3", "7 3 2 3")
MOST_POINTS: Final = 300  # of a curve; of more, some are left out evenly
MOST_CURVES: Final = 6  # of a panel
LONGEST_NAME: Final = 24  # characters
_TEXT: Final = 'font-size="10" fill="currentColor"'

Values = Sequence[float | None]


def history_svg(history: Mapping[str, Any]) -> str:
    """Losses, and beside them shares in per cent, as one SVG element in the colours of the page around it.

    Epochs are lines, and settings that were tried are dots, since they are in no order; what was chosen has a ring.

    Args:
        history: what `charts.history_curves` gives.
    """
    panels = [
        (history["losses"], "loss"),
        ({name: [None if v is None else 100 * v for v in values] for name, values in history["shares"].items()}, "%"),
    ]
    panels = [(dict(islice(curves.items(), MOST_CURVES)), unit) for curves, unit in panels if curves]
    drawn = "".join(
        f'<g transform="translate({place * WIDTH} 0)">{_panel(curves, unit, history)}</g>'
        for place, (curves, unit) in enumerate(panels)
    )
    lines = max((len(curves) for curves, _ in panels), default=0)
    width, height = WIDTH * len(panels), HEIGHT + 13 * lines
    title = "history of the training" if history["in_order"] else "settings that were tried"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" width="{width}" '
        f'style="max-width: 100%; height: auto; color: inherit; background: none">'
        f"<title>{title}</title>{drawn}</svg>"
    )


def _panel(curves: Mapping[str, Values], unit: str, history: Mapping[str, Any]) -> str:
    count = len(history["labels"])
    kept = range(0, count, -(-count // MOST_POINTS))
    known = [value for values in curves.values() for value in values if value is not None]
    low, high = min(known), max(known)
    span = high - low or 1.0

    def across(place: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * place / max(count - 1, 1)

    def down(value: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / span

    floor, chosen = HEIGHT - BOTTOM, history["chosen"]
    parts = [
        f'<path d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}" fill="none" stroke="currentColor" stroke-opacity="0.5"/>',
        _text(LEFT - 4, TOP + 4, _number(high), "end"),
        _text(LEFT - 4, floor, _number(low), "end"),
        _text(LEFT - 4, (TOP + floor) / 2, unit, "end"),
        _text(LEFT, floor + 14, "1", "middle"),
        _text(WIDTH - RIGHT, floor + 14, f"{count:,}", "end"),
        _text((LEFT + WIDTH - RIGHT) / 2, floor + 14, history["step"] if history["in_order"] else "setting", "middle"),
    ]
    for number, (name, values) in enumerate(curves.items()):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        points = [(across(place), down(value)) for place in kept if (value := values[place]) is not None]
        parts.append(_line(points, colour, dash) if history["in_order"] else _dots(points, colour))
        if chosen is not None and (value := values[chosen]) is not None:
            at = f'cx="{across(chosen):.1f}" cy="{down(value):.1f}"'
            parts.append(f'<circle {at} r="6" fill="none" stroke="currentColor"/>')
        below = HEIGHT - 6 + 13 * number
        sample = [(LEFT, below - 3.0), (LEFT + 22, below - 3.0)]
        parts.append(_line(sample, colour, dash) if history["in_order"] else _dots(sample[1:], colour))
        parts.append(_text(LEFT + 28, below, name.replace("_", " ")[:LONGEST_NAME], "start"))
    return "".join(parts)


def _line(points: Sequence[tuple[float, float]], colour: str, dash: str) -> str:
    listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{listed}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dash}"/>'


def _dots(points: Sequence[tuple[float, float]], colour: str) -> str:
    return "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" {_TEXT}>{escape(text)}</text>'


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) >= 0.01 else f"{value:.1g}"
