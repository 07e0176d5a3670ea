"""Every door is asked, and what differs ends with 4 and one line."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from exported import small_classifier, write_model
from pictures import write_picture
from tellapart.bundle.container import MANIFEST, read_container


def test_verify__a_model_file_through_every_door(tellapart, trained):
    outcome = tellapart("verify", trained.model, "--json")
    assert outcome.code == 0, outcome.err
    found = outcome.json
    assert (found["kind"], found["outcome"], found["statements"]) == ("model file", "same", [])
    doors = {row["door"]: row for row in found["rows"]}
    assert list(doors) == ["openvino", "onnxruntime", "Python", "command line", "HTTP"]
    assert all((row["outcome"], row["pictures"], row["labels"]) == ("same", 4, 0) for row in doors.values())


def test_verify__real_pictures_and_one_that_cannot_be_read(tellapart, tmp_path):
    model = write_model(tmp_path / "model.tellapart", small_classifier())
    for seed in range(3):
        write_picture(tmp_path / "inbox" / f"{seed}.png", seed=seed)
    (tmp_path / "inbox" / "bad.png").write_bytes(b"no picture")
    outcome = tellapart("verify", model, tmp_path / "inbox", "--against", model, "--runtime", "openvino", "--json")
    assert outcome.code == 0, outcome.err
    assert [(row["on"], row["pictures"]) for row in outcome.json["rows"]] == [("test cards", 4), ("pictures", 3)]
    assert [Path(each["path"]).name for each in outcome.json["unread"]] == ["bad.png"]
    assert "bad.png (not a picture in any format known here)" in outcome.err
    table = tellapart("verify", model, tmp_path / "inbox", "--runtime", "openvino")
    assert table.code == 0
    assert "all the same, within rounding" in table.out
    assert tellapart("verify", model, tmp_path / "inbox" / "bad.png", "--runtime", "openvino").code == 3


def rewritten(path, manifest, members):
    """A model file whose digests fit, whatever was changed."""
    document = {**manifest, "sha256": {name: hashlib.sha256(each).hexdigest() for name, each in members.items()}}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {MANIFEST: json.dumps(document).encode(), **members}.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


@pytest.mark.parametrize("taken", ["thresholds", "directions", "costs"])
def test_verify__thresholds_of_another_file(tellapart, tmp_path, taken):
    """All that is taken comes from a model file that is sound, with the digests made to fit."""
    manifest, members = read_container(write_model(tmp_path / "model.tellapart", small_classifier()))
    costs = [[0, 1, 1], [50, 0, 1], [1, 1, 0]]
    other = small_classifier(4, unlike=0.1, costs=costs if taken == "costs" else None)
    others, other_members = read_container(write_model(tmp_path / "other.tellapart", other))
    if taken == "costs":
        manifest["operating_point"] = others["operating_point"]
    else:
        manifest |= {"thresholds": others["thresholds"], "familiar": others["familiar"]}
        members |= (
            {name: other_members[name] for name in ("familiar.f16", "classes.f32")} if taken != "thresholds" else {}
        )
    outcome = tellapart("verify", rewritten(tmp_path / "changed.tellapart", manifest, members))
    assert outcome.code == 4
    assert outcome.err.count("\n") == 1


def test_verify__a_model_file_from_before_it_was_stated_is_read(tellapart, tmp_path):
    manifest, members = read_container(write_model(tmp_path / "model.tellapart", small_classifier()))
    check = json.loads(members["check.json"])
    del check["stated"]
    members["check.json"] = json.dumps(check).encode()
    old = rewritten(tmp_path / "old.tellapart", manifest, members)
    assert tellapart("verify", old, "--runtime", "openvino").code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--runtime", "tensorrt"], 2), (["--against", "missing.tellapart"], 4), (["missing"], 3)],
)
def test_verify__what_cannot_be_asked(tellapart, tmp_path, arguments, code):
    model = write_model(tmp_path / "model.tellapart", small_classifier(marks=False))
    outcome = tellapart("verify", model, *arguments)
    assert outcome.code == code
    assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("name", ["missing.tellapart", "missing.onnx", "missing.xml"])
def test_verify__a_file_that_is_not_there(tellapart, tmp_path, name):
    outcome = tellapart("verify", tmp_path / name, "--against", tmp_path / "model.tellapart")
    assert outcome.code == 4
    assert "traceback" not in outcome.err.lower()


def test_verify__a_page_is_told_apart_from_a_damaged_model(tellapart, tmp_path):
    (tmp_path / "page.html").write_text("<!doctype html>")
    outcome = tellapart("verify", tmp_path / "page.html")
    assert outcome.code == 2
    assert "--against MODEL" in outcome.err
