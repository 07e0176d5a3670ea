"""Plots of the page as SVG, drawn by hand: the same figures give the same bytes, which a test compares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

WIDTH, HEIGHT = 800, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 250, 40, 44
INK, GRID = "#333", "#ddd"
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8c6d00", "#56b4e9", "#555", "#e69f00")  # Okabe and Ito
FONT: Final = 'font-family="sans-serif" font-size="13"'


def plain(value: float) -> str:
    """Three digits that count, or all before the point of a larger number, in groups."""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def line_plot(title: str, series: Mapping[str, Sequence[tuple[str, float]]], ticks: Sequence[str]) -> str:
    """Accuracy in per cent above the ticks, a line a peer, its name at the right end of it.

    Args:
        title: above the plot.
        series: by name, (tick, share) for those ticks that it has.
        ticks: the places on the horizontal axis, in order, evenly spaced.
    """
    values = [value for points in series.values() for _, value in points]
    low = math.floor(10 * min(values)) / 10
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def x(tick: str) -> float:
        return LEFT + (right - LEFT) * (ticks.index(tick) + 0.5) / len(ticks)

    def y(value: float) -> float:
        return bottom - (bottom - TOP) * (value - low) / (1 - low)

    parts = [text(LEFT, 22, title, weight="bold")]
    for step in range(round(10 * low), 11):
        parts.append(f'<path d="M{LEFT} {y(step / 10):.1f}H{right}" stroke="{GRID}"/>')
        parts.append(text(LEFT - 6, y(step / 10) + 4, f"{10 * step} %", anchor="end"))
    parts += [text(x(tick), bottom + 18, tick, anchor="middle") for tick in ticks]
    parts.append(text((LEFT + right) / 2, HEIGHT - 8, "training pictures of each class", anchor="middle"))
    labels = apart({name: y(points[-1][1]) for name, points in series.items()})
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(x(tick), y(value)) for tick, value in points]
        path = "M" + "L".join(f"{across:.1f} {up:.1f}" for across, up in places)
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across:.1f}" cy="{up:.1f}" r="3" fill="{colour}"/>' for across, up in places]
        parts.append(text(right + 8, labels[name] + 4, name, colour=colour))
    return picture(parts, HEIGHT)


def bar_plot(title: str, bars: Mapping[str, float], unit: str, *, ours: str) -> str:
    """A bar a name, on a logarithmic axis from a third of the least; its value behind it; ours is blue."""
    height, left = TOP + 26 * len(bars) + 16, 270
    least, most = min(bars.values()), max(bars.values())
    reach = math.log(most / least * 3) or 1.0
    parts = [text(8, 22, title, weight="bold")]
    for number, (name, value) in enumerate(bars.items()):
        top = TOP + 26 * number
        width = (WIDTH - left - 110) * math.log(value / least * 3) / reach
        parts.append(text(left - 8, top + 14, name, anchor="end"))
        colour = COLOURS[0] if name == ours else INK
        parts.append(f'<rect x="{left}" y="{top}" width="{width:.1f}" height="19" fill="{colour}"/>')
        parts.append(text(left + width + 6, top + 14, f"{plain(value)} {unit}"))
    return picture(parts, height)


def apart(places: Mapping[str, float], least: float = 15) -> dict[str, float]:
    """Heights moved down as far as labels need to be legible."""
    moved: dict[str, float] = {}
    last = -math.inf
    for name, place in sorted(places.items(), key=lambda item: item[1]):
        last = max(place, last + least)
        moved[name] = last
    return moved


def text(
    across: float, up: float, said: str, *, anchor: str = "start", colour: str = INK, weight: str = "normal"
) -> str:
    place = f'x="{across:.1f}" y="{up:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}" font-weight="{weight}">{escape(said)}</text>'


def picture(parts: Sequence[str], height: int) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" {FONT}>'
    return "\n".join([head, f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>', *parts, "</svg>\n"])
