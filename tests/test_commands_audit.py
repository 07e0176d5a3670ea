from __future__ import annotations

import csv
import json
import shutil

import pytest

from pictures import encode, make_pixels, write_classes, write_picture, write_splits_and_classes
from tellapart.audit.finding import TITLES
from tellapart.commands.audit import AUDIT_FILES, audit
from tellapart.errors import DataError, OutputError


@pytest.fixture(scope="module")
def flawed(tmp_path_factory):
    """Two classes in splits: a copy in test, a copy under the other class, a broken file, an alpha channel, a flip."""
    root = tmp_path_factory.mktemp("data") / "flawed"
    write_splits_and_classes(root, {"train": {"cat": 30, "dog": 30}, "test": {"cat": 6, "dog": 6}})
    shutil.copy(root / "train/cat/001.png", root / "test/cat/copy.png")
    shutil.copy(root / "train/cat/002.png", root / "train/dog/same.png")
    (root / "train/cat/broken.png").write_bytes(encode(make_pixels(1), "PNG")[:500])
    write_picture(root / "train/dog/flipped.png", seed=900, kind=0)
    return root


@pytest.fixture(scope="module")
def audited(flawed, tmp_path_factory):
    folder, document = audit(flawed, out=tmp_path_factory.mktemp("out") / "audit", command="tellapart audit flawed")
    return folder, {finding["code"]: finding for finding in document["findings"]}


def test_audit__looks_for_every_code_once(audited):
    folder, findings = audited
    assert set(findings) == set(TITLES)
    assert sorted(entry.name for entry in folder.iterdir()) == sorted(AUDIT_FILES)
    stored = json.loads((folder / "findings.json").read_text())
    assert [finding["code"] for finding in stored["findings"]] == list(findings)


@pytest.mark.parametrize(
    ("code", "paths"),
    [
        ("unreadable", ["train/cat/broken.png"]),
        ("cross-split-leaks", ["train/cat/001.png", "test/cat/copy.png"]),
        ("conflicting-labels", ["train/cat/002.png", "train/dog/same.png"]),
    ],
)
def test_audit__finds_what_is_wrong(audited, code, paths):
    _, findings = audited
    assert findings[code]["outcome"] == "found"
    assert paths in [item["paths"] for item in findings[code]["items"]]


def test_audit__suspects_the_flipped_label_in_json_and_csv(audited):
    folder, findings = audited
    named = {item["paths"][0]: item["suggested"] for item in findings["suspects"]["items"]}
    assert named["train/dog/flipped.png"] == "cat"
    with (folder / "suspects.csv").open() as file:
        assert [row["path"] for row in csv.DictReader(file)] == list(named)


def test_audit__shows_the_pictures_in_the_page(audited):
    folder, _ = audited
    page = (folder / "audit.html").read_text()
    assert page.count("data:image/webp;base64,") >= 4
    assert page.count("<script") == 1  # its two switches
    assert "train/cat/broken.png" in page


def test_audit__leaves_the_data_alone(flawed, tmp_path):
    before = {path: path.read_bytes() for path in flawed.rglob("*") if path.is_file()}
    audit(flawed, out=tmp_path / "audit")
    assert {path: path.read_bytes() for path in flawed.rglob("*") if path.is_file()} == before


def test_audit__goes_on_where_a_class_cannot_be_read_at_all(tmp_path):
    data = write_classes(tmp_path / "one", {"cat": 4, "dog": 1})
    (data / "dog" / "000.png").write_bytes(b"no picture")
    _, document = audit(data, out=tmp_path / "audit")
    outcomes = {finding["code"]: finding["outcome"] for finding in document["findings"]}
    assert outcomes["suspects"] == outcomes["metadata"] == "not applicable"
    assert outcomes["unreadable"] == outcomes["tiny-classes"] == "found"


def test_audit__may_be_repeated_but_takes_no_folder_of_others(tmp_path):
    data = write_classes(tmp_path / "data", {"cat": 4, "dog": 4})
    audit(data, out=tmp_path / "audit")
    audit(data, out=tmp_path / "audit")
    (tmp_path / "audit" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"mine\.txt"):
        audit(data, out=tmp_path / "audit")
    with pytest.raises(OutputError, match="inside the data"):
        audit(data, out=data / "audit")


def test_audit__of_nothing_readable_is_an_error(tmp_path):
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match="none of the pictures can be read"):
        audit(tmp_path / "data", out=tmp_path / "audit")


def test_audit__command_prints_findings_or_one_document(tellapart, flawed, tmp_path):
    shown = tellapart("audit", flawed, "-o", tmp_path / "audit")
    assert shown.code == 0
    assert "[cross-split-leaks]" in shown.out
    assert "train/cat/001.png = test/cat/copy.png" in shown.out
    again = tellapart("audit", flawed, "-o", tmp_path / "audit", "--json")
    assert again.json["folder"] == str(tmp_path / "audit")
    assert again.json["outcomes"]["found"] >= 4
