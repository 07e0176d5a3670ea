"""The sheet that `tellapart explain` writes for a picture: the picture, the heat map, its scale, and the scores.

Legend: K classes; everything else is in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from tellapart.explain.colours import MIDDLE_GREY, evidence_colours
from tellapart.explain.heat_map import EXACT, GRAD_CAM, OCCLUSION, Explanation, HeatMap
from tellapart.explain.lettering import lettering
from tellapart.explain.overlay import evidence_limit, overlay
from tellapart.text import percent
from tellapart.types import Pixels, Probabilities

SIDE: Final = 384  # the longer side of the picture and of the overlay
MARGIN: Final = 20
LETTERS, SMALL = 18, 14
LINE, SMALL_LINE = 26, 19
BAR: Final = 18  # width of the colour bar
BAR_TEXT: Final = 116
MOST_CLASSES: Final = 6  # whose scores are shown
LEAST_WIDTH: Final = 640
WHITE, INK, FAINT, SCORE, OTHER = (255, 255, 255), (32, 33, 36), (95, 99, 104), (85, 85, 85), (205, 205, 205)

METHODS: Final = {
    EXACT: "exact, the mean of its parts is the score",
    OCCLUSION: "by occlusion, parts are covered one after another",
    GRAD_CAM: "Grad-CAM, from gradients at one stage of the net",
}
# What the numbers beside the colours say, in one line of at most LEAST_WIDTH.
MEANING: Final = {
    EXACT: "Points: the score the class would get if the whole picture looked like that part.",
    OCCLUSION: "Points: how much of the class's score is lost when that part is covered.",
    GRAD_CAM: "Numbers have no unit (Grad-CAM): only their order and their sign mean something.",
}


def panel(explanation: Explanation, *, classes: Sequence[str], title: str) -> Pixels:
    """The sheet for a picture that could be read, uint8 [H, W, 3], with a title on top, as a rule the file's name."""
    if explanation.pixels is None or explanation.probabilities is None or explanation.heat is None:
        raise ValueError("a picture that cannot be read has no sheet")
    heat, probabilities = explanation.heat, explanation.probabilities
    shown = Image.fromarray(explanation.pixels)
    shown = shown.resize(_size(shown.width, shown.height), Image.Resampling.BICUBIC)
    covered = Image.fromarray(overlay(np.asarray(shown), heat))
    scores = _ranked(probabilities, target=heat.target)
    top = MARGIN + 2 * LINE + 8
    lines = caption(heat, by_costs=explanation.answered != int(probabilities.argmax()))
    height = max(shown.height, 160)
    width = max(LEAST_WIDTH, 2 * shown.width + 3 * MARGIN + BAR + 8 + BAR_TEXT)
    sheet = Image.new("RGB", (width, top + height + len(lines) * SMALL_LINE + 16 + len(scores) * LINE + MARGIN), WHITE)
    draw = ImageDraw.Draw(sheet)
    best = explanation.answered
    _write(draw, (MARGIN, MARGIN), title, width=width - 2 * MARGIN)
    marks = explanation.flags.said(0)
    verdict = f"{classes[best]} {percent(probabilities[best])}{f' ({marks})' if marks else ''}"
    verdict = f"{verdict}; in colour: evidence for {heat.class_name}"
    _write(draw, (MARGIN, MARGIN + LINE), verdict, width=width - 2 * MARGIN, colour=FAINT)
    sheet.paste(shown, (MARGIN, top))
    sheet.paste(covered, (2 * MARGIN + shown.width, top))
    _draw_scale(sheet, draw, heat, place=(2 * MARGIN + 2 * shown.width + 12, top), height=height)
    for number, line in enumerate(lines):
        place = (MARGIN, top + height + 6 + number * SMALL_LINE)
        _write(draw, place, line, width=width - 2 * MARGIN, size=SMALL, colour=FAINT)
    below = (MARGIN, top + height + len(lines) * SMALL_LINE + 16)
    _draw_scores(draw, classes, probabilities, scores, place=below, width=width - 2 * MARGIN)
    return np.asarray(sheet)


def caption(heat: HeatMap, *, by_costs: bool = False) -> tuple[str, ...]:
    """What the colours and the numbers beside them mean, and how they were found, in plain words, a line each.

    `by_costs` says that another class than that of the highest score is answered, because it costs less.
    """
    low, high = float(heat.evidence.min()), float(heat.evidence.max())
    unit, full = "" if heat.method == GRAD_CAM else " points", f"{evidence_limit(heat):.3g}"
    winner = "least expected cost wins" if by_costs else "the highest score wins"
    return (
        f"Orange parts speak for {heat.class_name}, blue parts against it, grey parts for neither.",
        f"Heat map: {METHODS[heat.method]}.",
        MEANING[heat.method],
        f"Parts have {low:+.3g} to {high:+.3g}{unit}; colours are full from {full} on, however weak that is.",
        f"The score (logit) of {heat.class_name} for this picture is {heat.logit:+.3g}; {winner}.",
    )


def _draw_scale(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, heat: HeatMap, *, place: tuple[int, int], height: int
) -> None:
    """The colour bar, with the evidence that its ends and its middle stand for."""
    left, top = place
    strength = np.linspace(1, -1, height)[:, None].repeat(BAR, axis=1)
    colours = evidence_colours(strength, grey=np.full(strength.shape, MIDDLE_GREY, np.uint8))
    sheet.paste(Image.fromarray(colours), (left, top))
    limit = evidence_limit(heat)
    unit = "" if heat.method == GRAD_CAM else " points"
    marks = (
        ((f"+{limit:.3g}{unit}", f"for {heat.class_name}"), 0),
        (("0: neither",), height // 2 - SMALL // 2),
        ((f"-{limit:.3g}{unit}", f"against {heat.class_name}"), height - 2 * SMALL - 6),
    )
    for words, down in marks:
        for line, text in enumerate(words):
            place = (left + BAR + 8, top + down + line * (SMALL + 4))
            _write(draw, place, text, width=BAR_TEXT, size=SMALL, colour=FAINT)


def _draw_scores(
    draw: ImageDraw.ImageDraw,
    classes: Sequence[str],
    probabilities: Probabilities,
    scores: Sequence[int],
    *,
    place: tuple[int, int],
    width: int,
) -> None:
    """A bar for the probability of each class listed."""
    left, top = place
    names, numbers = width // 3, 80
    room = width - names - numbers
    for line, position in enumerate(scores):
        down = top + line * LINE
        share = float(probabilities[position])
        _write(draw, (left, down), classes[position], width=names - 12, size=SMALL)
        draw.rectangle((left + names, down + 2, left + names + room, down + 16), fill=(240, 240, 240))
        if round(room * share):
            fill = SCORE if position == scores[0] else OTHER
            draw.rectangle((left + names, down + 2, left + names + round(room * share), down + 16), fill=fill)
        _write(draw, (left + width - numbers + 12, down), percent(share), width=numbers, size=SMALL)


def _ranked(probabilities: Probabilities, *, target: int) -> list[int]:
    """The classes to list, the most probable first; the one in question is always among them."""
    order = [int(place) for place in np.argsort(-probabilities, kind="stable")]
    listed = order[:MOST_CLASSES]
    return listed if target in listed else [*listed[:-1], target]


def _write(
    draw: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    *,
    width: int,
    size: int = LETTERS,
    colour: tuple[int, int, int] = INK,
) -> None:
    line, font = lettering(text, size=size, width=width)
    draw.text(place, line, fill=colour, font=font)


def _size(width: int, height: int) -> tuple[int, int]:
    scale = SIDE / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
