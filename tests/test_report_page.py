from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from metrics_documents import metrics_document, render, write_report
from tellapart.errors import DataError, OutputError
from tellapart.report.evidence import Evidence
from tellapart.report.sections import LARGEST_MATRIX, interval_scale, promise

VOID = {"meta", "link", "br", "img", "hr", "input", "wbr"}
FETCHING = {"src", "srcset", "href", "action", "data", "poster", "background"}
HOSTILE = ("<script>alert(1)</script>", "\" onmouseover='alert(1)", "{{ 7 * 7 }}", "\u202eevil\nname\x00", "x" * 300)


class Page(HTMLParser):
    """What a browser would see: elements with their attributes, the English text, and tags that do not nest."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.elements, self.texts, self.open, self.broken, self.languages = [], [], [], [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
            self.languages.append(dict(attributes).get("lang", self.languages[-1] if self.languages else None))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.broken.append(tag)
        del self.languages[len(self.open) :]

    def handle_data(self, text):
        if not {"style", "script", "template"} & set(self.open) and "zh" not in self.languages[-1:]:
            self.texts.append(text)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def count(self, tag):
        return sum(name == tag for name, _ in self.elements)


def test_write_report__says_what_matters(tmp_path):
    document = metrics_document()
    write_report(tmp_path / "report.html", document)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    accuracy = document["test"]["accuracy"]
    interval = f"Between {100 * accuracy['low']:.1f} % and {100 * accuracy['high']:.1f} % with 95 % confidence"
    assert f"{100 * accuracy['value']:.1f} %" in page.text
    assert f"{interval}, on 430 pictures" in page.text
    for expected in ("trashnet", "1,764 pictures", "lite0", "tellapart train data/trashnet --seed 0", "0.2059", "289"):
        assert expected in page.text


def test_write_report__no_line_can_end_between_a_number_and_its_unit():
    written = Page(render(metrics_document()))
    assert any("95\N{NO-BREAK SPACE}%" in text for text in written.texts)
    parted = [text for text in written.texts if re.search(r"\d (%|px|ms|s|kB|MB|GB)(?!\w)", text)]
    assert parted == []


def test_write_report__replaces_the_page_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    write_report(path, metrics_document())
    first = path.read_bytes()
    write_report(path, metrics_document())
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
    assert path.read_bytes() == first != b"old"


def test_write_report__place_that_cannot_be_written(tmp_path):
    (tmp_path / "taken").write_text("a file where a folder must be", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot write"):
        write_report(tmp_path / "taken" / "report.html", metrics_document())


@pytest.mark.parametrize("schema", [None, 0, 2, "1"])
def test_write_report__other_schema(tmp_path, schema):
    with pytest.raises(DataError, match=r"have schema .*, and this version reads 1.*Train again"):
        write_report(tmp_path / "report.html", metrics_document() | {"schema": schema})
    assert list(tmp_path.iterdir()) == []


def test_write_report__not_a_document_at_all(tmp_path):
    with pytest.raises(DataError, match="have schema"):
        write_report(tmp_path / "report.html", ["schema", 1])


@pytest.mark.parametrize("key", sorted(set(metrics_document()) - {"schema"}))
def test_write_report__missing_part_is_named(tmp_path, key):
    document = metrics_document()
    del document[key]
    with pytest.raises(DataError, match=f"metrics.json is damaged at {key}: metrics.json. Train again"):
        write_report(tmp_path / "report.html", document)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", [None, 3, "text", [], {}])
@pytest.mark.parametrize("key", ["test", "valid", "classes", "selected", "timing", "environment", "data"])
def test_write_report__part_of_another_kind(tmp_path, key, value):
    with pytest.raises(DataError, match=f"damaged at {key}"):
        write_report(tmp_path / "report.html", metrics_document() | {key: value})


def test_render_report__after_json_is_the_same():
    document = metrics_document()
    assert render(json.loads(json.dumps(document))) == render(document)


def test_render_report__leaves_the_document_alone():
    document = metrics_document()
    before = copy.deepcopy(document)
    render(document)
    assert document == before


def test_render_report__is_well_formed_and_accessible():
    page = Page(render(metrics_document()))
    assert page.broken == page.open == []
    assert ("html", {"lang": "en"}) in page.elements
    assert page.count("caption") == page.count("table")
    assert page.count("h1") == page.count("main") == page.count("title") == 1
    assert all("scope" in attributes for tag, attributes in page.elements if tag == "th")
    identifiers = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    referred = {attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes}
    assert len(set(identifiers)) == len(identifiers)
    assert referred <= set(identifiers)


def test_render_report__needs_no_network():
    source = render(metrics_document())
    page = Page(source)
    fetched = [value for _, attributes in page.elements for name, value in attributes.items() if name in FETCHING]
    assert all(value.startswith(("data:", "#")) for value in fetched)
    assert not re.search(r"url\(|@import|https?:|sourceMappingURL", source)


def test_render_report__policy_allows_the_two_scripts_by_their_digests_and_nothing_else():
    source = render(metrics_document())
    policies = [attributes["content"] for _, attributes in Page(source).elements if "http-equiv" in attributes]
    scripts = re.findall(r"<script>(.*?)</script>", source, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'")
    assert f"script-src 'sha256-{digests[0]}' 'sha256-{digests[1]}';" in policies[0]
    assert not re.search(r"\son\w+=", re.sub(r"<script.*?</script>", "", source, flags=re.DOTALL))


def test_render_report__made_from_python_where_no_memory_is_known():
    page = Page(render(metrics_document() | {"command": "", "peak_rss_mb": None}))
    assert page.count("pre") == 0
    assert "Most memory \N{EN DASH}" in page.text


def test_render_report__shows_entries_it_does_not_know():
    document = metrics_document()
    document["selected"]["folds_because"] = "one picture only"
    document["timing"]["warm_starts"] = 7
    document["environment"]["versions"]["extra-package"] = "9.9"
    text = Page(render(document)).text
    for expected in ("folds because one picture only", "warm starts 7", "extra-package 9.9"):
        assert expected in text


def test_render_report__hostile_names_stay_text():
    plain, hostile = Page(render(metrics_document(tuple("abcde")))), Page(render(metrics_document(HOSTILE)))
    assert hostile.count("script") == plain.count("script") == 3
    assert hostile.broken == hostile.open == []
    known = {name for _, attributes in plain.elements for name in attributes}
    assert {name for _, attributes in hostile.elements for name in attributes} == known
    for name in ("<script>alert(1)</script>", "{{ 7 * 7 }}", r"\u202eevil\nname\x00", "x" * 300):
        assert name in hostile.text


@pytest.mark.parametrize(
    "path", [("command",), ("recipe",), ("data", "name"), ("backbone", "name"), ("environment", "cpu")]
)
def test_render_report__hostile_text_anywhere_stays_text(path):
    document = metrics_document()
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = HOSTILE[0] + "\x1b[31m\ud800"
    source = render(document)
    assert Page(source).count("script") == 3
    assert r"\x1b[31m\ud800" in source
    source.encode("utf-8")


def test_render_report__matrix_holds_every_count():
    document = metrics_document()
    cells = re.findall(r"<td[^>]*>(\d+)</td>", render(document).split('class="matrix"')[1].split("</table>")[0])
    assert [int(cell) for cell in cells] == np.ravel(document["test"]["confusion"]).tolist()


def luminance(colour):
    """Relative luminance of "#rrggbb" (WCAG 2.2)."""
    parts = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    linear = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", [0, 1])
def test_render_report__numbers_are_legible_on_every_tint(theme):
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", render(metrics_document()))
    colours = {name: shades[theme] for name, *shades in pairs}
    on_page = [(ink, ground) for ink in ("ink", "soft", "accent", "wrong") for ground in ("page", "panel", "raised")]
    for ink, ground in (*on_page, ("ink", "tinted"), ("ink", "missed")):
        dark, light = sorted((luminance(colours[ink]), luminance(colours[ground])))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)


def test_render_report__mistakes_by_frequency():
    document = metrics_document(("a", "b", "c"))
    document["test"]["confusion"] = [[50, 2, 0], [9, 40, 0], [0, 1, 30]]
    text = Page(render(document)).text
    start = text.index("The most frequent mistakes")
    assert "b a 9 18.4 % a b 2 3.8 % c b 1 3.2 %" in text[start:]


def test_render_report__nothing_wrong_has_no_list_of_mistakes():
    text = Page(render(metrics_document(skill=30))).text
    assert "None of them was misclassified." in text
    assert "most frequent mistakes" not in text


def test_render_report__class_without_pictures_shows_a_dash():
    document = metrics_document(("a", "b"))
    nothing = {"value": None, "low": None, "high": None}
    document["test"]["per_class"][1] = {"class": "b", "n": 0, "precision": nothing, "recall": nothing, "f1": nothing}
    document["test"]["confusion"][1] = [0, 0]
    assert "b 0 \N{EN DASH} \N{EN DASH} \N{EN DASH}" in Page(render(document)).text


def test_render_report__hundred_classes_stay_small():
    source = render(metrics_document(tuple(f"species {number:03d}" for number in range(100)), test=2000, valid=1000))
    assert source.count('class="right"') == 100
    assert len(source) < 900_000


def test_render_report__too_many_classes_for_a_matrix():
    names = tuple(f"class {number}" for number in range(LARGEST_MATRIX + 1))
    source = render(metrics_document(names, test=500, valid=500))
    assert 'class="matrix"' not in source
    assert "too large for a page" in Page(source).text


def test_render_report__what_matters_is_said_in_both_languages():
    facts = {"unreadable": 2, "pictures": 2523, "passed_over": 0, "reasons": "truncated (2)"}
    message = "2 of 2,523 pictures cannot be read: truncated (2)."
    finding = {"code": "unreadable", "outcome": "found", "severity": "warning", "title": "Pictures that cannot be read"}
    page = render({**metrics_document(), "findings": [{**finding, "message": message, "facts": facts}]})
    assert message in Page(page).text
    assert "2,523 张图片中有 2 张无法读取：truncated (2)。" in page
    assert "ledger.csv says why" not in page


@pytest.mark.parametrize(
    ("error", "kept", "pictures", "english", "chinese"),
    [
        (0.01, True, 400, "at most <bdi>1 %</bdi> of these answers are wrong.", "错误至多 <bdi>1 %</bdi>。"),
        (
            0.05,
            False,
            80,
            "takes 299 held-out pictures, where of a group only one counts; there are 80.",
            "需要 299 张未参与训练的图片（同组只算一张）；现有 80 张。",
        ),
        (0.05, False, 400, "there are too many confident mistakes", "自信的错误太多"),
        (0.45, False, 60, "That is too many to rely on: have each of them looked at.", "请逐个复核。"),
        (None, False, 1, "1 held-out picture is too few to promise", "未参与训练的图片只有 1 张"),
    ],
)
def test_promise__by_its_figures_in_both_languages(error, kept, pictures, english, chinese):
    figures = {"error": error, "asked": 0.01, "kept": kept, "pictures": pictures, "needed": 299}
    said = str(promise({**figures, "sentence": "Never shown."}))
    assert english in said
    assert chinese in said
    assert "Never shown" not in said
    assert ("looked at" in said) == (error is not None and error >= 0.2)


def test_render_report__sentences_that_follow_each_other_have_a_space_between_them():
    history = tuple({"l2": l2, "log_loss": l2, "accuracy": 0.5} for l2 in (0.1, 0.2))
    document = metrics_document() | {"selected": {"l2": 0.1, "out_of": {"l2": [0.1, 0.2]}}}
    page = render(document, Evidence(history=history))
    assert "A ring marks what was chosen." in page
    assert '</span><span lang="en">' not in page


def test_render_report__a_run_without_that_finding_still_says_what_was_skipped():
    document = metrics_document()
    assert "2 files were skipped; ledger.csv says why." in Page(render(document)).text
    none = {**document, "ledger": {**document["ledger"], "skipped": 0}}
    assert "ledger.csv says why" not in render(none)


@pytest.mark.parametrize(
    ("low", "ticks"),
    [
        (0.95, ["90 %", "92.5 %", "95 %", "97.5 %", "100 %"]),
        (0.9, ["80 %", "85 %", "90 %", "95 %", "100 %"]),
        (0.35, ["20 %", "40 %", "60 %", "80 %", "100 %"]),
        (0.0, ["0 %", "25 %", "50 %", "75 %", "100 %"]),
    ],
)
def test_interval_scale__its_ticks_are_round_and_everything_is_on_it(low, ticks):
    scale = interval_scale({"value": (low + 1) / 2, "low": low, "high": 1.0})
    assert scale["ticks"] == ticks
    assert 0 <= scale["low"] < scale["value"] < scale["high"] == 1


def promised(document, *, learned):
    """A document whose model promises something of each class but the last, which never stands."""
    count = len(document["classes"])
    rows = [{"error": 0.05, "answered": 60, "missed": 0.1, "shown": 60, "learned": 400} for _ in range(count)]
    rows[-1] |= {"error": None, "missed": 0.7, "learned": learned}
    least = [*[0.8] * (count - 1), 2.0]
    thresholds = {"unsure": 0.8, "unlike": None, "promise": None, "unsure_by_class": least, "promise_by_class": rows}
    share = {"value": 0.9, "low": 0.8, "high": 0.95}
    selective = {"answered": 390, "wrong": 4, "coverage": share, "error": share, "unlike": share}
    return {**document, "thresholds": thresholds, "test": {**document["test"], "selective": selective}}


def test_render_report__a_class_that_cannot_be_relied_on_is_named_in_both_languages():
    source = render(promised(metrics_document(), learned=9))
    page = Page(source)
    said = page.text.replace("trash :", "trash:")
    missed = "trash: up to 70.0 % of its pictures may be missed, with 95 % confidence (9 to learn from, 60 held out "
    assert f"{missed}to show it). Every answer that names it is marked unsure." in said
    assert "可能有多达" in source
    assert "判为该类的回答一律标为没有把握。" in source
    assert page.text.count("no promise") == 1
    assert "rely on it" not in said
    assert "Relied on" not in said
    assert "What is promised of each class" in page.text
    assert "What is promised of each class" not in Page(render(metrics_document())).text


@pytest.mark.parametrize(
    ("error", "title"),
    [(0.1, "Answers you can rely on"), (0.2, "Answers not marked unsure"), (None, "Answers not marked")],
)
def test_render_report__answers_are_to_rely_on_where_that_is_promised(error, title):
    document = promised(metrics_document(), learned=9)
    made = {"error": error, "asked": 0.01, "kept": False, "pictures": 60, "needed": 299, "sentence": "Never shown."}
    document["thresholds"]["promise"] = made
    document["thresholds"]["promise_by_class"][0]["error"] = None
    text = Page(render(document)).text
    assert title in text
    assert ("Answers you can rely on" in text) == (error == 0.1)
    assert text.count("none of its own") == 1  # of a class whose answers stand by the common promise


@pytest.mark.parametrize("error", [None, 0.05])
@pytest.mark.parametrize("by_folds", [True, False])
def test_render_report__speaks_of_a_threshold_of_the_model_only_where_there_is_one(by_folds, error):
    document = promised(metrics_document(), learned=9)
    promise = {"error": error, "asked": 0.01, "kept": False, "pictures": 60, "needed": 299, "sentence": "Never shown."}
    document["thresholds"] |= {"unsure": None if error is None else 0.9, "promise": promise}
    if by_folds:
        document["folds"] = {"count": 5, "intervals": {"design_effect": 2.0, "luck": 0.0, "weight": 0.5}}
    text = Page(render(document)).text
    assert "A threshold that is picked here carries no guarantee" in text
    assert ("The model's own was chosen" in text) == (error is not None)


@pytest.mark.parametrize("name", ["unsure_by_class", "promise_by_class"])
def test_render_report__promises_of_other_classes_are_damage(name):
    document = promised(metrics_document(), learned=9)
    document["thresholds"][name] = document["thresholds"][name][:-1]
    with pytest.raises(DataError, match=f"damaged at thresholds.{name}"):
        render(document)


def test_render_report__leads_with_the_balanced_accuracy_where_classes_are_unequal():
    unequal = Page(render(metrics_document()))
    balanced = metrics_document()["test"]["balanced_accuracy"]
    assert f"Balanced test accuracy {100 * balanced:.1f} %" in unequal.text
    assert "Balanced test accuracy" not in Page(render(metrics_document(("a", "b"), skill=3, test=4))).text


def test_render_report__guessing_has_its_balanced_accuracy_where_that_leads():
    baseline = metrics_document()["test"]["baseline"]
    said = f"That has a balanced accuracy of {100 * baseline['balanced_accuracy']:.1f} %"
    assert said in Page(render(metrics_document())).text
    equal = metrics_document(("a", "b"), skill=3, test=4)
    assert "That has a balanced accuracy of" not in Page(render(equal)).text


@pytest.mark.parametrize(("parted", "told"), [(False, True), (True, False)])
def test_render_report__says_that_groups_were_kept_whole_where_they_were(parted, told):
    together = {"groups": 12, "largest": 5, "parted": parted, "off": None}
    page = render({**metrics_document(), "together": together})
    assert ("12 groups of pictures that belong together" in Page(page).text) is told
    assert ("组相互关联的图片" in page) is told
    assert "belong together" not in Page(render({**metrics_document(), "together": {}})).text


def test_render__what_auto_tried_is_a_table():
    document = metrics_document()
    tried = [
        {"recipe": "features", "log_loss": 0.1016, "gain": None, "expected_s": None, "seconds": None, "taken": False},
        {"recipe": "frozen", "log_loss": 0.0553, "gain": 0.0463, "expected_s": 1234.4, "seconds": 12.0, "taken": True},
    ]
    reasons = [{"en": "frozen is taken <now>", "zh": "采用 frozen"}]
    chosen = {**document["selected"], "recipe": "frozen", "tried": tried, "auto": reasons}
    page = render({**document, "selected": chosen})
    text = Page(page).text
    assert "What auto tried Recipe Log loss on valid Gain Seconds said Seconds taken features 0.1016" in text
    assert "frozen taken 0.0553 +0.0463 1,234 12 frozen is taken <now>" in text
    assert "采用 frozen" in page
    assert "What else was tried" not in text
    assert "What auto tried" not in Page(render(document)).text
    folds = {**document["selected"], "auto": reasons}  # nothing was tried beside features
    assert "What else was tried" in Page(render({**document, "selected": folds})).text


@pytest.mark.parametrize(("off", "flatters"), [(-0.1, True), (0.0, False), (-0.0001, False), (0.05, False)])
def test_render__a_figure_flatters_where_it_is_lower_without_leaks(off, flatters):
    document = metrics_document()
    accuracy = document["test"]["accuracy"]
    accuracy["value"] = 0.9
    clean = {"n": document["test"]["n"] - 2, "accuracy": {**accuracy, "value": 0.9 + off}}
    document["test"]["without_leaks"] = clean
    page = render(document)
    found = re.search(
        r"<p>(<b>)?<span[^>]*>2 of them have a near-duplicate, or one of the same group, in train or valid(.+?)Of the",
        page,
    )
    assert found, page[:3000]
    assert (found[1] == "<b>", "this figure flatters" in found[2]) == (flatters, flatters)
    assert f"{100 * clean['accuracy']['value']:.1f}" in page


def test_render_report__says_where_every_test_picture_has_its_like_in_training():
    document = metrics_document()
    document["test"]["without_leaks"] = None
    text = Page(render(document)).text
    assert "in train or valid: this figure says little" in text
    assert "took no part in training" not in text


@pytest.mark.parametrize(("fraction", "words"), [(1.0, "equally frequent"), (0.5, "nearer to equal"), (0.0, None)])
def test_render_report__says_what_a_probability_means_without_the_shares(fraction, words):
    document = metrics_document()
    document["selected"]["prior_taken_out"] = fraction
    text = Page(render(document)).text
    assert ("Classes were unequal in training" in text) is (words is not None)
    assert words is None or words in text


def test_render_report__has_no_switch_for_heat_maps_where_there_are_none():
    assert 'class="heat-switch"' not in render(metrics_document())
