from __future__ import annotations

import base64
import hashlib
import html
import re

from tellapart.audit.finding import Item, found, not_applicable, passed
from tellapart.report import inlined
from tellapart.report.audit_page import (
    IN_SIGHT,
    ITEMS_OF_A_NOTE,
    ITEMS_SHOWN,
    PATHS_SHOWN,
    PICTURES_SHOWN,
    render_audit,
    shown_paths,
)

HOSTILE = "<script>alert(1)</script>\u202e\n.jpg"


def document(*findings):
    return {
        "schema": 1,
        "tellapart": "0",
        "command": "tellapart audit data",
        "seed": 0,
        "backbone": "lite0",
        "data": {"name": HOSTILE, "layout": "folders"},
        "classes": ["cat", "dog"],
        "pictures": {"used": 3, "converted": 0, "skipped": 1},
        "findings": [finding.to_json() for finding in findings],
        "seconds": 1.0,
    }


def finding(count, *, paths=1, name="{}-{}.jpg"):
    items = [
        Item(paths=tuple(name.format(case, place) for place in range(paths)), text=f"case {case}")
        for case in range(count)
    ]
    return found("dark", "warning", "Some are.", advice="Look.", items=items)


def test_render_audit__has_all_three_outcomes():
    findings = [finding(1), passed("blurred", "note", "None is."), not_applicable("metadata", "note", "No files.")]
    page = render_audit(document(*findings), thumbnails={})
    for text in ("Some are.", "None is.", "No files.", "checked and not found", "could not be checked"):
        assert text in page


def test_render_audit__no_line_can_end_between_a_number_and_its_unit():
    item = Item(paths=("1.png",), text="95 % darker, 20 px wide")
    page = render_audit(document(found("dark", "warning", "12 % are.", advice="Look.", items=[item])), thumbnails={})
    assert "12\N{NO-BREAK SPACE}% are." in page
    assert inlined.unbroken_texts("<code>1 %</code> 1 %") == "<code>1 %</code> 1\N{NO-BREAK SPACE}%"
    named = '<p class="path"><bdi>frame 3 s/a.png</bdi></p>'
    assert inlined.unbroken_texts(named) == named
    assert "95\N{NO-BREAK SPACE}% darker, 20\N{NO-BREAK SPACE}px wide" in page


def test_render_audit__shows_hostile_names_instead_of_obeying_them():
    page = render_audit(document(finding(1, name=HOSTILE)), thumbnails={})
    assert page.count("<script") == 1
    assert "alert(1)" in page
    assert "<script>alert(1)" not in page
    assert "\u202e" not in page


def test_render_audit__bounds_what_is_shown_and_says_so():
    page = render_audit(document(finding(ITEMS_SHOWN + 3, paths=PATHS_SHOWN + 2)), thumbnails={})
    assert page.count("<figure>") == ITEMS_SHOWN * PATHS_SHOWN
    assert "and 2 more" in page
    assert f"{ITEMS_SHOWN} of {ITEMS_SHOWN + 3} are on this page; the rest are in" in page


def test_render_audit__most_cases_are_folded_and_every_finding_is_in_the_navigation():
    page = render_audit(document(finding(IN_SIGHT + 3), passed("blurred", "note", "None is.")), thumbnails={})
    in_sight = page.split("<details")[0]
    assert in_sight.count("<figure>") == IN_SIGHT
    assert "Show 3 more" in page
    navigation = page.split("<nav")[1].split("</nav>")[0]
    assert re.findall('href="#([^"]+)"', navigation) == ["dark", "passed"]
    assert all(f'id="{code}"' in page for code in ("dark", "passed"))


def test_render_audit__what_asks_for_nothing_shows_few_pictures():
    items = [Item(paths=(f"{case}.jpg",), text="") for case in range(ITEMS_SHOWN)]
    quiet = found("near-duplicates", "note", "Some are.", advice="Look.", items=items)
    assert len(shown_paths(document(quiet))) == ITEMS_OF_A_NOTE
    assert f"{ITEMS_OF_A_NOTE} of {ITEMS_SHOWN} are on this page" in render_audit(document(quiet), thumbnails={})


def test_render_audit__says_where_a_picture_is_missing():
    page = render_audit(document(finding(2)), thumbnails={"0-0.jpg": "data:image/jpeg;base64,AAAA"})
    assert page.count("<img") == 1
    assert page.count("no picture") == 1


def test_render_audit__stands_there_in_both_languages():
    facts = {"bad": 3, "pictures": 50}
    look = "Look at them; remove those on which nobody could tell the class."
    dark = found("dark", "warning", "3 of 50 pictures have little.", advice=look, items=[Item(text="x")], facts=facts)
    suspect = Item(paths=("a",), text="labelled a, looks like b", details={"given": "a", "suggested": "b"})
    page = render_audit(document(dark, found("suspects", "note", "One.", advice=look, items=[suspect])), thumbnails={})
    for text in (
        "3 of 50 pictures have little.",
        "50 张图片中有 3 张几乎全黑。",
        "几乎全黑的图片",
        "警告",
        look,
        "请查看，并删除",
    ):
        assert text in page
    assert "labelled a, looks like b" in page
    assert "标签为 a，看起来像 b" in page


def test_render_audit__policy_allows_its_script_and_nothing_else():
    page = render_audit(document(finding(1)), thumbnails={})
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in html.unescape(page)


def test_shown_paths__are_each_once_and_bounded():
    findings = document(finding(3), finding(3), *[finding(30, paths=6, name=f"{n}-{{}}-{{}}") for n in range(9)])
    paths = shown_paths(findings)
    assert len(paths) == len(set(paths)) == PICTURES_SHOWN
    assert paths[:3] == ["0-0.jpg", "1-0.jpg", "2-0.jpg"]
