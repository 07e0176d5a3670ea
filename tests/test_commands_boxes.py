"""A box is the picture, in every command alike."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from pictures import make_pixels
from tellapart.commands.predict import predict
from tellapart.data.reading import Reading

BOXES = ((8, 6, 48, 46), (60, 20, 100, 60))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """Twelve scenes with an ant and a bee each, and the files that tell of them."""
    root = tmp_path_factory.mktemp("scenes")
    rows, found = [], []
    for number in range(12):
        scene = np.full((72, 112, 3), 128, np.uint8)
        for place, (left, top, right, bottom) in enumerate(BOXES):
            kind = (number + place) % 2
            scene[top:bottom, left:right] = make_pixels(
                10 * number + place, kind=kind, width=40, height=40, blotches=70
            )
            rows.append((f"{number}.png", ("ant", "bee")[kind], left, top, right, bottom, f"site {number % 3}", "yes"))
        Image.fromarray(scene).save(root / f"{number}.png")
        boxes = [[left / 112, top / 72, 40 / 112, 40 / 72] for left, top, _, _ in BOXES]
        detections = [{"category": "1", "conf": 0.9, "bbox": box} for box in boxes]
        found.append({"file": f"{number}.png", "detections": detections if number != 5 else []})
    with (root / "boxes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "species", "xmin", "ymin", "xmax", "ymax", "site", "unsure"])
        writer.writerows(rows)
    document = {"info": {}, "detection_categories": {"1": "animal"}, "images": found}
    (root / "md.json").write_text(json.dumps(document))
    return root


@pytest.fixture(scope="module")
def run(scenes, tmp_path_factory):
    from tellapart.commands.train import train

    folder, _ = train(scenes / "boxes.csv", out=tmp_path_factory.mktemp("runs") / "run", size=64)
    return folder


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_train__boxes_of_a_picture_stay_on_one_side(run):
    splits = {}
    for row in rows_of(run / "split.csv"):
        splits.setdefault(row["path"].partition("#")[0], set()).add(row["split"])
    assert len(splits) == 12
    assert all(len(names) == 1 for names in splits.values())
    assert len({row["sha256"] for row in rows_of(run / "split.csv")}) == 24


def test_train__predictions_name_the_box_and_pass_other_columns_through(run):
    rows = rows_of(run / "predictions.csv")
    assert list(rows[0]) == [
        *("path", "label", "predicted", "p:ant", "p:bee", "unsure", "unlike"),
        *("picture", "x", "y", "width", "height", "site", "data:unsure"),
    ]
    for row in rows:
        place = ",".join(row[name] for name in ("x", "y", "width", "height"))
        assert row["path"] == f"{row['picture']}#xywh={place}"
        assert (row["site"], row["data:unsure"]) == (f"site {int(row['picture'][:-4]) % 3}", "yes")


def test_predict__a_box_is_answered_like_what_one_cuts_out_oneself(run, scenes, tmp_path):
    answers = predict(run / "model.tellapart", [scenes / "boxes.csv"])
    with Image.open(scenes / "3.png") as whole:
        for place, box in enumerate(BOXES):
            whole.crop(box).save(tmp_path / f"{place}.png")
    own = predict(run / "model.tellapart", [tmp_path])
    assert np.allclose(answers.probabilities[6:8], own.probabilities, atol=1e-6)
    assert [answers.classes[row] for row in answers.probabilities[:4].argmax(axis=1)] == ["ant", "bee", "bee", "ant"]


def test_predict__megadetector_has_a_row_for_each_box_and_for_each_empty_picture(run, scenes, tellapart, tmp_path):
    table, model = tmp_path / "answers.csv", run / "model.tellapart"
    outcome = tellapart("predict", model, scenes / "md.json", "-o", table)
    assert (outcome.code, "cannot be read" in outcome.err) == (0, False)
    rows = rows_of(table)
    assert [row["picture"] for row in rows[8:13]] == ["4.png", "4.png", "5.png", "6.png", "6.png"]
    assert rows[10]["error"] == "nothing detected with a confidence of 0.2 or more"
    assert (rows[0]["category"], rows[0]["confidence"], rows[0]["predicted"]) == ("animal", "0.9", "ant")
    answers = predict(model, [scenes / "md.json"], reading=Reading(confidence=0.5))
    by_table = predict(model, [scenes / "boxes.csv"])
    kept = [row for row in range(24) if row not in (10, 11)]
    assert np.allclose(answers.probabilities, by_table.probabilities[kept], atol=1e-6)


def test_predict__parquet_and_json_lines_have_the_same_columns(run, scenes, tellapart, tmp_path):
    outcome = tellapart("predict", run / "model.tellapart", scenes / "md.json", "--format", "jsonl")
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert (lines[0]["picture"], lines[10]["error"][:16], lines[10]["picture"]) == (
        "0.png",
        "nothing detected",
        "5.png",
    )
    assert tellapart("predict", run / "model.tellapart", scenes / "md.json", "-o", tmp_path / "a.parquet").code == 0
    again = predict(run / "model.tellapart", [scenes / "boxes.csv"], reading=Reading(boxes="none"))
    assert [picture.path for picture in again.given[:3]] == ["0.png", "0.png", "1.png"]


def test_predict__into_puts_a_picture_into_a_folder_once(run, scenes, tellapart, tmp_path):
    out = tmp_path / "sorted"
    assert tellapart("predict", run / "model.tellapart", scenes / "boxes.csv", "--into", out).code == 0
    before = sorted(path.relative_to(out) for path in out.rglob("*.png"))
    rows = rows_of(out / "predictions.csv")
    assert {row["file"] for row in rows} == {path.as_posix() for path in before}
    assert len(before) < len(rows) or len({row["file"] for row in rows}) == len(rows)
    assert tellapart("predict", run / "model.tellapart", scenes / "boxes.csv", "--into", out).code == 0
    assert sorted(path.relative_to(out) for path in out.rglob("*.png")) == before
    assert rows_of(out / "predictions.csv") == rows


def test_report_and_explain__show_the_box(run, scenes, tellapart, tmp_path):
    assert tellapart("report", run).code == 0
    assert "#xywh=" in (run / "report.html").read_text(encoding="utf-8")
    document = json.loads((scenes / "md.json").read_text())
    few = scenes / "few.json"
    few.write_text(json.dumps({**document, "images": [document["images"][0], document["images"][5]]}))
    made = tellapart("explain", run / "model.tellapart", few, "-o", tmp_path / "why", "--json").json
    assert [row["path"] for row in made["pictures"]] == [
        "0.png#xywh=percent:7.143,8.333,35.714,55.556",
        "0.png#xywh=percent:53.571,27.778,35.714,55.556",
        "5.png",
    ]
    assert made["pictures"][2]["file"] is None
    assert (tmp_path / "why" / "0-2-explained.png").is_file()


def test_embed_evaluate_split__take_boxes(run, scenes, tellapart, tmp_path):
    for name, count in (("boxes.csv", 24), ("md.json", 22)):
        made = tellapart("embed", scenes / name, "-o", tmp_path / "features.npz", "--json")
        assert made.json["pictures"] == count
    scored = tellapart("evaluate", run / "model.tellapart", scenes / "boxes.csv", "--json").json
    assert (scored["n"], scored["trained_on"]["train"]) == (
        24,
        sum(r["split"] == "train" for r in rows_of(run / "split.csv")),
    )
    out = tmp_path / "small"
    sizes = ("--train", 2, "--valid", 1, "--test", 1)
    assert tellapart("split", scenes / "boxes.csv", out, *sizes).code == 0
    made = sorted(out.rglob("*.png"))
    homes = {}
    for path in made:
        with Image.open(path) as image:
            assert image.size == (40, 40)
        homes.setdefault(path.name.partition("-")[0], set()).add(path.relative_to(out).parts[0])
    assert len(made) == 8
    assert all(len(splits) == 1 for splits in homes.values())
    assert tellapart("split", scenes / "boxes.csv", out, *sizes).code == 0
    linked = tellapart("split", scenes / "boxes.csv", tmp_path / "links", *sizes, "--link")
    assert (linked.code, "no link leads to one" in linked.err) == (2, True)
