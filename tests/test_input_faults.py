"""Input that is unlucky or hostile ends in an answer or one of our errors, never as a fault of ours."""

import json
import os
import shutil
import sys

import pytest

from pictures import write_picture
from tellapart import ImageClassifier, embed
from tellapart.data.scan import pictures_below, scan
from tellapart.data.tree import look_over
from tellapart.data.walk import Walk
from tellapart.errors import DataError, TellapartError
from tellapart.runs.page import rewrite_report

DEEP = 1_200  # folders in each other, near to what a path may hold


@pytest.fixture
def deep(tmp_path, monkeypatch):
    """Two classes of eight pictures; one more lies a thousand folders deep."""
    root = tmp_path / "deep"
    for kind, label in enumerate("ab"):
        for number in range(8):
            write_picture(root / label / f"{number}.png", seed=number + 10 * kind, kind=kind)
    write_picture(tmp_path / "last.png", seed=99)
    monkeypatch.chdir(root / "a")
    for _ in range(DEEP):
        os.mkdir("x")  # noqa: PTH102  in steps, as the system takes no such path at once
        os.chdir("x")
    shutil.copyfile(tmp_path / "last.png", "last.png")
    os.chdir(tmp_path)
    yield root
    os.chdir(root / "a")
    for _ in range(DEEP):
        os.chdir("x")
    os.remove("last.png")  # noqa: PTH107
    for _ in range(DEEP):
        os.chdir("..")
        os.rmdir("x")  # noqa: PTH106
    os.chdir(tmp_path)


def fine(outcome):
    assert outcome.code in (0, 2, 3, 4), outcome.err
    assert "fault of ours" not in outcome.err
    return outcome


def test_commands__folders_a_thousand_deep(deep, tmp_path, tellapart):
    fine(tellapart("train", deep, "-o", tmp_path / "run"))
    fine(tellapart("audit", deep, "-o", tmp_path / "audit"))
    fine(tellapart("split", deep, tmp_path / "out", "--train", 1, "--valid", 1, "--test", 1))


def test_python__folders_a_thousand_deep(deep):
    """In a program that has not raised the limit of recursion, as the command line does for what the library walks."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    try:
        tree = look_over(deep)
        assert len(list(tree.all_below())) == DEEP + 2
        index = scan(deep)
        assert len(index.pictures) == 17
        assert len(list(pictures_below(deep, label=None, walk=Walk()))) == 17
        assert len(embed(deep)) == 17
        fitted = ImageClassifier().fit(deep)
        assert len(fitted.predict([deep])) == 17
        (deep / "list.csv").write_text("path,label\nlast.png,a\n0.png,b\n")
        with pytest.raises(DataError, match="two pictures may be"):
            scan(deep / "list.csv")
    finally:
        sys.setrecursionlimit(limit)


def test_commands__sixty_classes_of_one_picture(tmp_path, tellapart):
    root = tmp_path / "one"
    for number in range(60):
        write_picture(root / f"c{number:02d}" / "only.png", seed=number)
    assert tellapart("train", root, "-o", tmp_path / "run").code == 3
    assert tellapart("audit", root, "-o", tmp_path / "audit").code == 0
    assert tellapart("split", root, tmp_path / "out", "--train", 1, "--valid", 0, "--test", 0).code == 0


def test_audit__one_class_of_many_and_others_of_one(tmp_path, tellapart):
    root = tmp_path / "few"
    for number in range(30):
        write_picture(root / "many" / f"{number}.png", seed=number, width=40 + number % 3)
    for number in range(5):
        write_picture(root / f"c{number}" / "only.png", seed=50 + number)
    assert tellapart("audit", root, "-o", tmp_path / "audit").code == 0


def test_train__a_run_folder_whose_name_is_too_long(photos, tellapart):
    assert tellapart("train", photos, "-o", "x" * 3000).code == 2


HOSTILE = (
    10**400,
    -(10**400),
    10**18,
    1e308,
    -1,
    "\ud800",
    "\x1b[2J\u202e",
    None,
    True,
    [],
    {},
    [[]] * 3,
    {"\ud800": 1},
)


def places(document, path=()):
    """Every place in a document, the first two of each list."""
    yield path
    if isinstance(document, dict):
        for name in document:
            yield from places(document[name], (*path, name))
    elif isinstance(document, list):
        for place in range(min(2, len(document))):
            yield from places(document[place], (*path, place))


@pytest.mark.parametrize("name", ["metrics.json", "analysis.json"])
def test_rewrite_report__hostile_values_anywhere(trained, tmp_path, name):
    """Every second place once, with the next of the hostile values; the soak draws many more."""
    run = tmp_path / "run"
    shutil.copytree(trained.run, run)
    (run / "model.tellapart").unlink()
    good = (run / name).read_text()
    for number, path in enumerate(list(places(json.loads(good) | {"data_path": None}))[::2]):
        document = {"document": json.loads(good) | ({"data_path": None} if name == "metrics.json" else {})}
        inner = document
        for key in ("document", *path)[:-1]:
            inner = inner[key]
        inner[("document", *path)[-1]] = HOSTILE[number % len(HOSTILE)]
        (run / name).write_text(json.dumps(document["document"]))
        try:
            rewrite_report(run)
        except TellapartError as error:
            assert str(error).isprintable()  # noqa: PT017  either outcome is right


@pytest.mark.parametrize(
    "content", ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000, "[" + "[]," * 2_000_000 + "[]]", '"\\ud800"', "\ud800"]
)
@pytest.mark.parametrize("name", ["metrics.json", "analysis.json", "history.jsonl"])
def test_report__json_that_is_too_deep_or_too_large(trained, tmp_path, tellapart, name, content):
    run = tmp_path / "run"
    shutil.copytree(trained.run, run)
    (run / name).write_bytes(content.encode("utf-8", "surrogatepass"))
    fine(tellapart("report", run))


@pytest.mark.parametrize("name", ["predictions.csv", "split.csv", "ledger.csv"])
@pytest.mark.parametrize(
    "content", [b"path,\n" + b"x" * 9_000_000, b"path\n\0\0\n", b'path\n"', b"path\n" + b"," * 200_000]
)
def test_report__tables_that_are_none(trained, tmp_path, tellapart, name, content):
    run = tmp_path / "run"
    shutil.copytree(trained.run, run)
    (run / name).write_bytes(content)
    fine(tellapart("report", run))
