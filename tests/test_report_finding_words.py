"""Findings in Chinese: by code and figures, and English only where the figures are missing."""

import re

import numpy as np
import pytest

from audit_pictures import index_of, index_of_sizes, picture
from tellapart.audit.balance import find_imbalance, find_tiny_classes
from tellapart.audit.copies import copy_findings
from tellapart.audit.finding import TITLES
from tellapart.audit.labels import find_mislabelled, no_suspects
from tellapart.audit.look import PixelFigures, Properties
from tellapart.audit.metadata import find_metadata
from tellapart.audit.pixels import find_in_pixels
from tellapart.audit.reading import find_converted, find_unreadable
from tellapart.duplicates.groups import DuplicatePair, connect
from tellapart.report import labels
from tellapart.report.finding_words import ADVICE, MESSAGES, case, chinese, finding_advice, message
from tellapart.types import LedgerEntry

ALIKE = [picture(str(number), "甲", "train") for number in range(4)]
PARTED = [picture(str(number), "甲乙"[number % 2], ("train", "test")[number % 2]) for number in range(4)]


def entries(status, count):
    return [LedgerEntry(path=str(number), status=status, reason="原因") for number in range(count)]


def groups(kind):
    return connect(
        DuplicatePair(first=first, second=first + 1, kind=kind, similarity=0.95 if kind == "near" else 1.0)
        for first in (0, 2)
    )


def of_copies():
    declared = [picture("a", "甲", "train", "组"), picture("b", "甲", "test", "组")]
    for pictures in (ALIKE, PARTED, declared, [picture("a", "甲"), picture("b", "甲")]):
        for found in ((), groups("bytes"), groups("near")):
            if not found or len(pictures) == 4:
                yield from copy_findings(found, pictures)


def of_pixels():
    def measured(count, **levels):
        usual = {"spread": 50.0, "low": 20.0, "high": 200.0, "detail": 10.0}
        return [PixelFigures(**usual)] * 20 + [PixelFigures(**{**usual, **levels})] * count

    for levels in ({}, {"spread": 1.0}, {"high": 9.0}, {"low": 250.0}, {"detail": 0.5}):
        measures = measured(1 if levels else 0, **levels)
        yield from find_in_pixels([picture(str(number)) for number in range(len(measures))], measures)
    yield from find_in_pixels([picture("a")], [PixelFigures(spread=50.0, low=20.0, high=200.0, detail=10.0)])
    yield from find_in_pixels([], [])


def of_metadata():
    def files(widths):
        return [Properties(width=width, height=10, size=100, form="PNG", exif=False) for width in widths]

    classes = np.arange(60) % 2
    for properties in (files(40 + 60 * classes), files([40] * 60), files([40, 41, 42] * 20), [None] * 60):
        yield find_metadata(properties, classes, classes=("甲", "乙"), seed=0)
    yield find_metadata(files([40] * 4), classes[:4], classes=("甲", "乙"), seed=0)


def of_labels():
    labels = np.arange(200) % 2
    shares = np.where(labels[:, None] == [0, 1], 0.9995, 0.0005)
    pictures = [picture(str(number), "甲") for number in range(200)]
    yield find_mislabelled(shares, labels, pictures=pictures, classes=("甲", "乙"))
    labels[:3] = 1 - labels[:3]
    yield find_mislabelled(shares, labels, pictures=pictures, classes=("甲", "乙"))
    yield find_mislabelled(np.zeros((0, 2)), labels[:0], pictures=[], classes=("甲", "乙"))
    yield no_suspects("Fewer than two classes have pictures that can be read.")


def of_files():
    for skipped, passed_over in ((0, 0), (0, 2), (3, 1)):
        looked_at = [*entries("used", 5), *entries("skipped", skipped)]
        yield find_unreadable(entries("skipped", passed_over), looked_at=looked_at)
    yield from (find_converted(entries("converted", count)) for count in (0, 3))
    for sizes in ({"甲": 3, "乙": 100}, {"甲": 30, "乙": 40}, {"甲": 30}):
        yield find_tiny_classes(index_of_sizes(**sizes))
        yield find_imbalance(index_of_sizes(**sizes))
    yield find_tiny_classes(index_of(PARTED))
    yield find_tiny_classes(index_of([]))


def all_findings():
    return [*of_copies(), *of_pixels(), *of_metadata(), *of_labels(), *of_files()]


def test_chinese__every_finding_can_be_said_with_its_advice():
    findings = [finding.to_json() for finding in all_findings()]
    assert {(finding["code"], finding["outcome"]) for finding in findings} >= set(MESSAGES) - {("skipped", "found")}
    for finding in findings:
        said = chinese(finding)
        assert re.search("[一-鿿]", said), finding["message"]
        # Numbers, units and names of formats may stand as they are; English words may not.
        assert not re.findall(r"[A-Za-z]{3,}", re.sub(r"EXIF|PNG", "", said)), said
        assert not finding["advice"] or (finding["code"], finding["severity"]) in ADVICE


def test_chinese__the_english_sentence_is_not_looked_at():
    for finding in (found.to_json() for found in all_findings()):
        other = {**finding, "message": "Other words.", "advice": finding["advice"] and "Other advice."}
        assert chinese(other) == chinese(finding)
        assert str(finding_advice(other)).split("zh")[1] == str(finding_advice(finding)).split("zh")[1]


def test_case__pixels_are_told_in_chinese_by_the_figures_of_the_item():
    told = []
    for finding in (found.to_json() for found in of_pixels()):
        for item in finding["items"]:
            said = case(item, finding["code"])
            english, chinese_words = (re.sub("<[^>]+>", "", half) for half in str(said).split('<span lang="zh">'))
            assert re.search("[一-鿿]", chinese_words)
            numbers = set(re.findall(r"\d+\.?\d*", english)) - {"255"}
            assert numbers <= set(re.findall(r"\d+\.?\d*", chinese_words)), said
            told.append(finding["code"])
    assert set(told) == {"near-empty", "dark", "blown-out", "blurred"}


def test_case__a_declared_group_is_named_in_both_languages():
    items = [item for found in of_copies() for item in found.to_json()["items"] if item["kind"] == "group"]
    assert ["声明为同组" in case(item, "cross-split-leaks") for item in items] == [True]


def test_chinese__every_code_has_a_title_and_a_sentence_for_what_is_found():
    assert set(TITLES) <= set(labels.FINDINGS)
    assert set(TITLES) <= {code for code, outcome in MESSAGES if outcome == "found"}
    assert set(TITLES) <= {code for code, _ in ADVICE}


@pytest.mark.parametrize("facts", [{}, {"facts": {}}])
def test_chinese__without_its_figures_it_stays_english(facts):
    assert chinese({"code": "dark", "outcome": "found", "message": "1 of 9 pictures.", **facts}) == "1 of 9 pictures."


def test_message__hostile_names_stay_text():
    finding = find_imbalance(index_of_sizes(**{"<b>": 1, "乙": 9})).to_json()
    assert "<b>" not in message(finding)
    assert "最大的类别是最小的 9.0 倍" in message(finding)
