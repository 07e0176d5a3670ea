"""Answers are written as they come: a killed command goes on where it stopped, in memory that does not grow."""

import json
import os
import signal
import subprocess
import sys

import pytest

from exported import small_classifier, write_model
from pictures import write_picture
from tellapart.commands import predict as asking_module
from tellapart.files import STAGED_PREFIX

ENDINGS = {"csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet", "table": ".txt"}
# The command in parts of eight pictures, which dies of a signal that nothing can catch when it comes to a certain part.
MORTAL = """
import os, signal, sys
from tellapart.cli.main import main
from tellapart.commands import predict

plain, left = predict.answers_about, [int(sys.argv.pop(1))]
def answers_about(*given, **more):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(*given, **more)
predict.answers_about, predict.SMALLEST_PART, predict.LARGEST_PART = answers_about, 8, 8
main()
"""
MEASURED = """
import resource, sys
from tellapart.cli.main import main
from tellapart.commands import predict

predict.LARGEST_PART = 64
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "small.tellapart", small_classifier(3, size=32))


@pytest.fixture(scope="module")
def inbox(tmp_path_factory):
    """Forty pictures, the eleventh of them broken; their table fits no eight."""
    folder = tmp_path_factory.mktemp("inbox")
    for number in range(40):
        write_picture(folder / f"{number:02d}.png", seed=number, kind=number % 3)
    (folder / "10.png").write_bytes((folder / "10.png").read_bytes()[:200])
    return folder


@pytest.fixture
def asked(monkeypatch):
    """How many pictures a command asked about in this process, in parts of eight."""
    counts, plain = [], asking_module.answers_about

    def counting(index, *given, **more):
        counts.append(len(index.pictures))
        return plain(index, *given, **more)

    monkeypatch.setattr(asking_module, "answers_about", counting)
    for name in ("SMALLEST_PART", "LARGEST_PART"):
        monkeypatch.setattr(asking_module, name, 8)
    return counts


def kill_at(part, *arguments):
    ended = subprocess.run(
        [sys.executable, "-c", MORTAL, str(part), *map(str, arguments)], check=False, capture_output=True
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return ended


def left_over(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(STAGED_PREFIX)]


@pytest.mark.parametrize("form", ENDINGS)
def test_predict__a_killed_command_goes_on_and_writes_the_same(form, model, inbox, asked, tellapart, tmp_path):
    whole, out = (tmp_path / name / f"answers{ENDINGS[form]}" for name in ("whole", "killed"))
    command = ("predict", model, inbox, "--format", form, "-o")
    assert tellapart(*command, whole).code == 0
    asked.clear()
    kill_at(4, *command, out)
    assert not out.exists()
    assert left_over(out.parent)
    outcome = tellapart(*command, out)
    assert outcome.code == 0
    assert sum(asked) == 40 - 3 * 8  # the three parts before the kill stand
    assert "24 pictures were answered by an earlier call" in outcome.err
    assert out.read_bytes() == whole.read_bytes()
    assert left_over(out.parent) == []


def test_predict__a_broken_picture_is_a_row_and_the_rest_goes_on(model, inbox, asked, tellapart, tmp_path):
    out = tmp_path / "answers.jsonl"
    outcome = tellapart("predict", model, inbox, "-o", out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert (outcome.code, len(rows), asked) == (0, 40, [8] * 5)
    assert [row["path"][-6:] for row in rows if "error" in row] == ["10.png"]
    assert "cannot be read" in outcome.err
    assert tellapart("predict", model, inbox, "--format", "jsonl").out == out.read_text()


@pytest.mark.parametrize("what", ["picture", "model", "form"])
def test_predict__what_has_changed_since_is_asked_again(what, model, inbox, asked, tellapart, tmp_path):
    pictures, own = tmp_path / "inbox", tmp_path / "own.tellapart"
    pictures.mkdir()
    for path in inbox.iterdir():
        os.link(path, pictures / path.name)
    own.write_bytes(model.read_bytes())
    out = tmp_path / "out" / "answers"
    kill_at(4, "predict", own, pictures, "--format", "csv", "-o", out)
    if what == "picture":  # in the second part, whose like and those behind it are asked again
        (pictures / "12.png").unlink()
        write_picture(pictures / "12.png", seed=99)
    elif what == "model":
        write_model(own, small_classifier(4, size=32))
    form = "jsonl" if what == "form" else "csv"
    assert tellapart("predict", own, pictures, "--format", form, "-o", out).code == 0
    assert sum(asked) == (32 if what == "picture" else 40)
    asked.clear()
    assert tellapart("predict", own, pictures, "--format", form).out == out.read_text()


def test_predict__a_damaged_journal_is_believed_as_far_as_it_makes_sense(model, inbox, asked, tellapart, tmp_path):
    out = tmp_path / "answers.csv"
    command = ("predict", model, inbox, "-o", out)
    kill_at(4, *command)
    (journal,) = tmp_path.glob("*.journal")
    first, second, *_ = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(first + second + b'{"pictures": 8, "end": -5, "digest": "x"}\n[[[')
    assert tellapart(*command).code == 0
    assert sum(asked) == 32
    assert len(out.read_text().splitlines()) == 41


def test_predict__nothing_readable_leaves_nothing(model, tellapart, tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    outcome = tellapart("predict", model, tmp_path / "a.png", "-o", tmp_path / "answers.csv")
    assert (outcome.code, "none of the pictures can be read" in outcome.complaint) == (3, True)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="the system follows links")
def test_predict__a_link_in_the_place_of_kept_rows_is_not_followed(model, inbox, tellapart, tmp_path):
    out, victim = tmp_path / "answers.csv", tmp_path / "victim"
    victim.write_text("mine")
    kill_at(2, "predict", model, inbox, "-o", out)
    (rows,) = tmp_path.glob("*.rows")
    rows.unlink()
    rows.symlink_to(victim)
    outcome = tellapart("predict", model, inbox, "-o", out)
    assert outcome.code == 2
    assert victim.read_text() == "mine"


@pytest.mark.skipif(sys.platform != "linux", reason="units of memory differ")
def test_predict__memory_does_not_grow_with_the_pictures(model, tmp_path):
    peaks = {}
    kept = [
        write_picture(tmp_path / "few" / f"{number}.png", seed=number, width=24, height=24) for number in range(128)
    ]
    (tmp_path / "many").mkdir()
    for number in range(1280):
        os.link(kept[number % 64], tmp_path / "many" / f"{number}.png")
    for name in ("few", "many"):
        command = [sys.executable, "-c", MEASURED, "predict", str(model), str(tmp_path / name), "-o", f"{name}.jsonl"]
        ended = subprocess.run(command, check=True, capture_output=True, text=True, cwd=tmp_path)
        peaks[name] = int(ended.stderr.split()[-1]) / 1024
    assert len((tmp_path / "many.jsonl").read_text().splitlines()) == 1280
    # A matrix of what the base sees in all of them would take 15 MB.
    assert peaks["many"] - peaks["few"] < 6, peaks
