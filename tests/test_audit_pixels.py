from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from audit_pictures import picture
from pictures import make_pixels
from tellapart.audit.look import SIDE, measure
from tellapart.audit.pixels import FEWEST, find_in_pixels

USUAL = [make_pixels(seed, width=SIDE, height=SIDE) for seed in range(FEWEST + 5)]


def darkened(pixels):
    return ((pixels - pixels.min()) * 0.17).astype(np.uint8)


def bleached(pixels):
    white = np.full_like(pixels, 250)
    white[:50, :50] = pixels[:50, :50]
    return white


def blurred(pixels):
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(3)))


def flattened(pixels):
    return np.full_like(pixels, 90)


def findings_of(pixels):
    names = [picture(f"{place}.png") for place in range(len(pixels))]
    return {finding.code: finding for finding in find_in_pixels(names, [measure(one) for one in pixels])}


@pytest.mark.parametrize(
    ("code", "spoil"),
    [("dark", darkened), ("blown-out", bleached), ("blurred", blurred), ("near-empty", flattened)],
)
def test_find_in_pixels__finds_the_spoiled_one_and_nothing_else(code, spoil):
    found = findings_of([spoil(USUAL[0]), *USUAL[1:]])
    assert [item.paths for item in found[code].items] == [("0.png",)]
    assert found[code].severity == "warning"
    assert [finding.code for finding in found.values() if finding.outcome == "found"] == [code]


def test_find_in_pixels__passes_usual_pictures():
    assert {finding.outcome for finding in findings_of(USUAL).values()} == {"passed"}


def test_find_in_pixels__takes_what_many_have_in_common_for_how_they_are():
    found = findings_of([*map(darkened, USUAL[:6]), *USUAL[6:]])["dark"]
    assert (found.outcome, found.severity, found.count) == ("found", "note", 6)


def test_find_in_pixels__strokes_on_white_or_black_are_neither_blown_out_nor_dark():
    page = np.full((SIDE, SIDE, 3), 255, np.uint8)
    page[40:180, 90:125] = 0
    page[90:120, 40:180] = 0
    found = findings_of([*[page] * 8, *[255 - page] * 8])
    assert {finding.outcome for finding in found.values()} == {"passed"}


def test_find_in_pixels__a_sharp_thing_before_a_soft_ground_is_not_blurred():
    soft = blurred(USUAL[0]).copy()
    soft[:60, :60] = USUAL[0][:60, :60]
    assert findings_of([soft, *USUAL[1:]])["blurred"].outcome == "passed"


def test_find_in_pixels__cannot_tell_blur_of_few_pictures():
    found = findings_of(USUAL[:3])
    assert found["blurred"].outcome == "not applicable"
    assert found["dark"].outcome == "passed"


def test_find_in_pixels__is_not_applicable_without_pictures():
    outcomes = {finding.outcome for finding in find_in_pixels([picture("a")], [None])}
    assert outcomes == {"not applicable"}
