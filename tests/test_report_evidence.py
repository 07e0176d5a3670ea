"""What stands in the page beside the figures: pictures, mistakes behind cells, thresholds, suspects."""

from __future__ import annotations

import base64
import csv
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from metrics_documents import chart_data, metrics_document, render
from pictures import write_classes
from tellapart.data.scan import scan
from tellapart.report import choose
from tellapart.report.charts import BARS, history_curves, learning_points
from tellapart.report.evidence import Answer, Evidence, Shot, SuspectCard
from tellapart.report.inlined import embedded_json
from tellapart.report.language import Words, both
from tellapart.report.sections import MISTAKES_IN_SIGHT, ledger_summary
from tellapart.report.shots import LONGEST, heat_png, take_shots

CLASSES = ("a", "b", "c")


def answer(path, label, *shares, unsure=None):
    return Answer(path=path, label=label, predicted=int(np.argmax(shares)), probabilities=shares, unsure=unsure)


def some_answers(count, *, seed=0, classes=3):
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.ones(classes), count)
    return tuple(answer(f"p{row}.png", int(random.integers(classes)), *shares[row]) for row in range(count))


def shot(size=10, heat=None):
    return Shot(content=b"x" * size, kind="image/webp", width=4, height=3, heat=heat)


def test_mistakes__the_costliest_first():
    told = (answer("mild", 0, 0.4, 0.6), answer("right", 0, 0.9, 0.1), answer("grave", 0, 0.01, 0.99))
    assert [one.path for one in choose.mistakes(told)] == ["grave", "mild"]


def test_samples__the_surest_of_each_class_then_the_doubtful():
    told = [answer(f"{n}", 0, 0.5 + n / 100, 0.5 - n / 100) for n in range(1, 40)] + [answer("other", 1, 0.2, 0.8)]
    paths = [one.path for one in choose.samples(told, class_count=2)]
    assert paths == ["39", *map(str, range(1, choose.SAMPLES_OF_A_CLASS)), "other"]


def test_samples__many_classes_share_the_room():
    told = some_answers(3000, classes=100)
    assert len(choose.samples(told, class_count=100)) <= choose.SAMPLES
    assert len({one.label for one in choose.samples(told, class_count=1000)}) <= 100


def test_in_order_of_need__nothing_twice_and_faces_first():
    right = [answer("r1", 0, 0.9, 0.1), answer("r2", 0, 0.8, 0.2), answer("r3", 1, 0.1, 0.9)]
    assert choose.in_order_of_need([answer("w", 0, 0.1, 0.9)], ["s", "w"], right) == ["r1", "r3", "w", "s", "r2"]


def test_class_bars__of_too_many_classes_the_weakest():
    document = metrics_document(tuple(f"c{n:03d}" for n in range(BARS + 20)), test=900)
    bars = chart_data(document, Evidence())["bars"]
    left_out = {row["class"] for row in document["test"]["per_class"]} - {row["name"] for row in bars}
    recalls = {row["class"]: row["recall"]["value"] for row in document["test"]["per_class"]}
    assert len(bars) == BARS
    assert max(row["recall"][0] for row in bars) <= min(recalls[name] for name in left_out)


def test_history_curves__numbers_only_and_losses_apart_from_shares():
    rows = [
        {"epoch": n, "loss": 1 / n, "valid_accuracy": n / 10, "note": "x", "seconds": 3, "pictures_per_s": 7000}
        for n in (1, 2, 3)
    ]
    curves = history_curves(rows)
    assert curves["step"] == "epoch"
    assert curves["labels"] == ["1", "2", "3"]
    assert curves["losses"] == {"loss": [1.0, 0.5, 1 / 3]}
    assert curves["shares"] == {"valid_accuracy": [0.1, 0.2, 0.3]}
    assert history_curves(rows[:1]) is None


def test_history_curves__settings_are_in_no_order_and_the_chosen_one_is_known():
    rows = [
        {"depths": depths, "l2": l2, "views": 2, "log_loss": l2} for depths in ("last", "all") for l2 in (0.1, 0.01)
    ]
    selected = {
        "depths": "all",
        "l2": 0.1,
        "views": 2,
        "out_of": {"depths": ["last", "all"], "l2": [0.1, 0.01], "views": [2]},
    }
    curves = history_curves(rows, selected=selected)
    assert (curves["in_order"], curves["chosen"]) == (False, 2)
    assert curves["labels"][2] == "3, depths all, l2 0.1, views 2"
    assert curves["losses"] == {"log_loss": [0.1, 0.01, 0.1, 0.01]}  # what was tried is no curve


@pytest.mark.parametrize(
    ("selected", "chosen"),
    [
        ({"epoch": 2, "out_of": {"epoch": [1, 2, 3]}}, 1),
        ({"epoch": 0, "out_of": {"epoch": [0, 1, 2, 3]}}, None),  # the start was better than every epoch
        ({"depths": "all", "out_of": {"depths": ["last", "all"]}}, None),
        ({}, None),
    ],
)
def test_history_curves__the_epoch_that_was_kept(selected, chosen):
    curves = history_curves([{"epoch": n, "loss": 1 / n} for n in (1, 2, 3)], selected=selected)
    assert (curves["in_order"], curves["chosen"]) == (True, chosen)


def test_chart_data__thresholds_are_those_of_the_metrics():
    document = metrics_document(CLASSES)
    thresholds = chart_data(document, Evidence())["thresholds"]
    start = thresholds.pop("start")
    assert thresholds == {"n": document["test"]["n"], **document["test"]["risk_coverage"]}
    assert thresholds["wrong"][start] <= 0.01 * thresholds["answered"][start]
    del document["test"]["risk_coverage"]
    assert chart_data(document, Evidence())["thresholds"] is None


def test_learning_points__band_and_classes():
    def band(value):
        return {"value": value, "low": value - 0.1, "high": value + 0.1}

    points = [
        {"n": n, "accuracy": band(n / 100), "per_class": [{"class": "a\n", "n": 5, "recall": band(n / 200)}]}
        for n in (20, 40)
    ]
    assert learning_points({"points": points}) == {
        "points": [{"n": n, **band(n / 100)} for n in (20, 40)],
        "per_class": [{"class": r"a\n", "values": [0.1, 0.2]}],
    }
    assert learning_points({"points": points[:1]}) is learning_points(None) is None


def test_embedded_json__cannot_end_its_element():
    text = embedded_json({"</script><!--": "&\u2028"})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"</script><!--": "&\u2028"}


def test_both__values_are_escaped_and_isolated():
    text = str(both(Words("{n} of <b>{name}</b>", "{name}"), n=3, name="<i>"))
    assert text == (
        '<span lang="en">3 of <b><bdi>&lt;i&gt;</bdi></b></span><span lang="zh"><bdi>&lt;i&gt;</bdi></span>'
    )


def test_ledger_summary__skipped_first():
    entries = [("used", "")] * 9 + [("converted", "x\n")] * 2 + [("skipped", "empty file")]
    assert ledger_summary(entries) == (("skipped", "empty file", 1), ("converted", r"x\n", 2), ("used", "", 9))


@pytest.fixture(scope="module")
def photos_index(tmp_path_factory):
    root = write_classes(tmp_path_factory.mktemp("shots"), {"a": 3, "b": 2}, width=500, height=300)
    (root / "a" / "001.png").write_bytes(b"no longer a picture")
    return scan(root)


def test_take_shots__small_upright_and_without_what_cannot_be_read(photos_index):
    paths = ["a/000.png", "a/001.png", "missing.png", "b/000.png"]
    shots = take_shots(photos_index, paths, heats={})
    assert list(shots) == ["a/000.png", "b/000.png"]
    with Image.open(io.BytesIO(shots["a/000.png"].content)) as image:
        assert image.format == "WEBP"
        assert image.size == (shots["a/000.png"].width, shots["a/000.png"].height) == (LONGEST, LONGEST * 3 // 5)


def test_take_shots__stops_where_the_room_ends(photos_index):
    paths = ["a/000.png", "a/002.png", "b/000.png", "b/001.png"]
    sizes = [one.size for one in take_shots(photos_index, paths, heats={}).values()]
    assert len(take_shots(photos_index, paths, heats={}, room=sum(sizes) - 1)) == 3


def test_heat_png__colour_by_side_and_opacity_by_strength():
    with Image.open(io.BytesIO(heat_png(np.array([[-127, 0], [64, 127]], np.int8)))) as image:
        pixels = np.asarray(image).astype(int)
    assert pixels[0, 0, 2] > pixels[0, 0, 0]
    assert pixels[1, 1, 0] > pixels[1, 1, 2]
    assert pixels[0, 1, 3] == 0 < pixels[1, 0, 3] < pixels[1, 1, 3] == pixels[0, 0, 3]


def test_render__every_mistake_is_behind_its_cell():
    told = some_answers(60)
    source = render(metrics_document(CLASSES), Evidence(answers=told))
    cells = re.findall(r'<li class="card wrong" data-cell="(\d)-(\d)"', source)
    assert sorted(cells) == sorted((str(one.label), str(one.predicted)) for one in told if not one.right)
    in_sight = source.split('id="mistakes"')[1].split("</ul>\n</section>")[0].split("<table")[0]
    assert in_sight.count('class="card wrong"') == MISTAKES_IN_SIGHT


def test_render__says_what_was_left_out():
    told = tuple(answer(f"{n}", 0, 0.2, 0.5, 0.3) for n in range(choose.MISTAKES + 30))
    document = metrics_document(CLASSES)
    document["test"] |= {"n": len(told), "confusion": [[0, len(told), 0], [0, 0, 0], [0, 0, 0]]}
    assert "30 further mistakes are not shown" in render(document, Evidence(answers=told))


def test_render__pictures_stand_in_the_page_with_their_heat():
    told = (answer("x.png", 0, 0.1, 0.7, 0.2),)
    source = render(metrics_document(CLASSES), Evidence(answers=told, shots={"x.png": shot(heat=b"warm")}))
    assert base64.b64encode(b"x" * 10).decode() in source
    assert f'class="heat" alt="" src="data:image/png;base64,{base64.b64encode(b"warm").decode()}"' in source


@pytest.mark.parametrize(
    ("methods", "en", "zh"),
    [
        (("exact", "exact"), "These heat maps are exact", "这些热力图是精确的"),
        (("occlusion", "occlusion"), "These heat maps are by occlusion", "遮挡法"),
        (("exact", "occlusion"), "Some of these heat maps are exact", "有的是精确的"),
        ((), "", ""),
    ],
)
def test_render__says_how_heat_maps_were_found(methods, en, zh):
    told = tuple(answer(f"{n}.png", 0, 0.1, 0.7, 0.2) for n in range(2))
    rows = [{"path": f"{n}.png", "method": method} for n, method in enumerate(methods)]
    shots = {one.path: shot(heat=b"warm") for one in told}
    source = render(metrics_document(CLASSES), Evidence(answers=told, shots=shots, analysis={"heat_maps": rows}))
    assert en in source
    assert zh in source
    assert ("heat maps are" in source) == bool(methods)


def test_render__how_strong_a_heat_map_is_beside_its_score():
    told = tuple(answer(f"{n}.png", 0, 0.1, 0.7, 0.2) for n in range(2))
    shots = {one.path: shot(heat=b"warm") for one in told}
    source = render(
        metrics_document(CLASSES), Evidence(answers=told, shots=shots, strengths={"0.png": (-0.0087, 4.84)})
    )
    assert source.count("Strongest place <bdi>-0.0087</bdi>, score <bdi>+4.84</bdi>.") == 1
    assert "scaled to its own strongest place" in source
    bare = {one.path: shot() for one in told}
    source = render(metrics_document(CLASSES), Evidence(answers=told, shots=bare, strengths={"0.png": (-0.0087, 4.84)}))
    assert "trongest place" not in source


def test_render__why_there_are_no_pictures():
    source = render(metrics_document(CLASSES), Evidence(answers=some_answers(9), without="the data <moved>"))
    assert "The pictures are not shown: <bdi>the data &lt;moved&gt;</bdi>." in source


def test_render__suspects_with_a_list_to_take_away():
    one = SuspectCard(path="train/=x,\n.png", given=0, suggested=2, given_share=0.01, suggested_share=0.98)
    source = render(metrics_document(CLASSES), Evidence(suspects=(one,)))
    encoded = re.search(r'download="suspects.csv" href="data:text/csv;charset=utf-8;base64,([^"]+)"', source)[1]
    rows = list(csv.reader(io.StringIO(base64.b64decode(encoded).decode(), newline="")))
    assert rows == [
        ["path", "label", "suggested", "probability_label", "probability_suggested"],
        ["train/=x,\n.png", "a", "c", "0.010000", "0.980000"],
    ]
    assert source.count('class="card suspect"') == 1


def test_render__no_suspects_is_not_the_same_as_not_looked():
    assert 'id="suspects"' not in render(metrics_document(CLASSES), Evidence())
    assert "None of the training pictures that were checked is contradicted surely enough" in render(
        metrics_document(CLASSES), Evidence(suspects=())
    )


def test_render__hostile_paths_stay_text():
    path = "</script><script>alert(1)</script>\"'\u202e\n.png"
    told = (answer(path, 0, 0.1, 0.9, 0.0),)
    suspect = SuspectCard(path=path, given=0, suggested=1, given_share=0.1, suggested_share=0.9)
    source = render(metrics_document(CLASSES), Evidence(answers=told, suspects=(suspect,)))
    assert source.count("<script") == 3
    assert "\u202e" not in source
    assert "&lt;script&gt;alert(1)" in source


def test_render__stays_under_five_megabytes():
    told = some_answers(4000)
    full = {one.path: shot(9000, heat=b"h" * 900) for one in told[:290]}
    assert sum(one.size for one in full.values()) > 3_600_000
    assert len(render(metrics_document(CLASSES), Evidence(answers=told, shots=full)).encode()) < 5_000_000
