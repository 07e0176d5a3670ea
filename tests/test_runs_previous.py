"""The run that was replaced is kept, and at no moment is there no complete run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pictures import write_classes
from tellapart.commands.compare import compare_runs
from tellapart.commands.train import train
from tellapart.errors import OutputError
from tellapart.runs.folder import LOG, LOG_START, METRICS, RUN_FILES, claim_run, open_run
from tellapart.runs.lock import only_run
from tellapart.runs.previous import finished, held_of, hold_finished, keep_held, previous_of

# Replacements of a run by another, one for each line that comes in, killed before the step whose number is given; every
# step changes a file's name. Each is a process of its own, begun where everything is imported.
REPLACE = """
import json, os, signal, sys, traceback
from pathlib import Path
from tellapart import files
from tellapart.runs.folder import LOG, LOG_START, METRICS, RUN_FILES, claim_run, open_run
from tellapart.runs.lock import only_run
from tellapart.runs.previous import hold_finished, keep_held

def replace(run, word, steps):
    def count(event, arguments):
        nonlocal steps
        changes = event in ("os.link", "os.rename", "os.remove", "os.mkdir", "os.rmdir")
        if changes and str(run) in str(arguments[0]) and not str(arguments[0]).endswith("lock"):
            steps -= 1
            if steps == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    with only_run(run, force=True):
        claim_run(run, force=True)
        hold_finished(run)
        open_run(run)
        for name in sorted(set(RUN_FILES) - {METRICS, "analysis.json"}):
            files.write_text(run / name, f"{LOG_START if name == LOG else ''}{word} {name}")
        files.write_text(run / METRICS, f"{word} {METRICS}")
        keep_held(run)

for line in sys.stdin:
    run, word, steps = json.loads(line)
    child = os.fork()
    if child == 0:
        try:
            replace(Path(run), word, steps)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def made(folder, word, *, names=RUN_FILES):
    """A finished run, as far as its names go."""
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_text(f"{LOG_START if name == LOG else ''}{word} {name}")
    return folder


def word_of(folder):
    """The word that all files of a complete run begin with; None where there is none."""
    if not finished(folder):
        return None
    words = {path.read_text().removeprefix(LOG_START).split()[0] for path in folder.iterdir() if path.name in RUN_FILES}
    assert len(words) == 1, f"{folder} is mixed of {words}"
    return words.pop()


@pytest.fixture(scope="module")
def replace():
    """Replaces a run by another of a word, killed before a step; whether it came to its end."""

    def ask(run, word, *, steps=0):
        replacing.stdin.write(json.dumps([str(run), word, steps]) + "\n")
        replacing.stdin.flush()
        code = int(replacing.stdout.readline())
        assert code in (0, -9), "what stopped it stands above, on standard error"
        return code == 0

    command = [sys.executable, "-c", REPLACE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as replacing:
        yield ask


def test_previous_of__stands_beside_the_run(tmp_path, monkeypatch):
    assert previous_of(Path("runs/birds")) == Path("runs/birds.previous")
    assert previous_of(Path("runs/v1.2")) == Path("runs/v1.2.previous")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert previous_of(Path()) == Path(os.path.realpath(tmp_path)) / "here.previous"


@pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")
@pytest.mark.parametrize("older", [False, True])
def test_hold_finished__killed_before_any_step_there_is_a_complete_run(tmp_path, replace, older):
    steps, whole = 1, False
    while not whole:
        place = tmp_path / str(steps)
        run = made(place / "run", "old")
        if older:
            made(place / "run.previous", "older")
        whole = replace(run, "new", steps=steps)
        complete = [word_of(folder) for folder in (run, previous_of(run), held_of(run))]
        assert "old" in complete
        assert any(complete[:2])  # also under the two names that users know
        if older and complete[0] != "new":
            assert complete[1] == "older"
        replace(run, "new" if complete[0] != "new" else "newer")
        expected = ("new", "old") if complete[0] != "new" else ("newer", "new")
        assert (word_of(run), word_of(previous_of(run))) == expected
        assert sorted(path.name for path in place.iterdir()) == ["run", "run.previous"]
        shutil.rmtree(place)
        steps += 1
    assert steps > 20


def test_keep_held__what_the_user_laid_there_stays(tmp_path):
    run = made(tmp_path / "run", "old", names=[name for name in RUN_FILES if name != "analysis.json"])
    (made(tmp_path / "run.previous", "older") / "notes.txt").write_text("mine")
    (run / "notes.txt").write_text("mine too")
    hold_finished(run)
    open_run(run)
    (run / METRICS).write_text("new")
    keep_held(run)
    assert word_of(tmp_path / "run.previous") == "old"
    assert (tmp_path / "run.previous" / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "run.previous" / "analysis.json").exists()
    assert (run / "notes.txt").read_text() == "mine too"


def test_hold_finished__without_links_there_are_copies(tmp_path, monkeypatch):
    run = made(tmp_path / "run", "old")

    def refuse(*_):
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    hold_finished(run)
    assert word_of(tmp_path / "run.previous") == "old"


@pytest.mark.parametrize("name", ["run.previous", "run.previous-new"])
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_check_previous__what_is_no_run_of_ours_is_left_alone(tmp_path, name, kind):
    run, place = made(tmp_path / "run", "old"), tmp_path / name
    if kind == "file":
        place.write_text("mine")
    elif kind == "folder":
        place.mkdir()
        (place / "metrics.json").write_text("mine")
    else:
        place.symlink_to(made(tmp_path / "elsewhere", "other"))
    with pytest.raises(OutputError, match=rf"{name}.*nothing was changed"), only_run(run, force=True):
        pass
    assert word_of(run) == "old"
    if kind == "link":
        assert word_of(tmp_path / "elsewhere") == "other"
    elif kind == "folder":
        assert (place / "metrics.json").read_text() == "mine"


def test_claim_run__the_log_of_a_finished_run_stays_until_the_new_one_is_written(tmp_path):
    run = made(tmp_path / "run", "old")
    claim_run(run, force=True)
    assert word_of(run) == "old"


def test_train__the_run_before_is_kept_and_can_be_compared(tmp_path, tellapart):
    data = write_classes(tmp_path / "data", {"ant": 20, "bee": 20})
    run = tmp_path / "my run"
    first = tellapart("train", data, "-o", run, "--size", 64)
    assert "compare" not in first.out
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    second = tellapart("train", data, "-o", run, "--size", 96, "--force")
    assert second.code == 0, second.err
    last = second.out.splitlines()[-1]
    assert last == f"`tellapart compare '{previous_of(run)}' '{run}'` tells whether it is better"
    assert {path.name: path.read_bytes() for path in previous_of(run).iterdir()} == before
    assert compare_runs(previous_of(run), run)["n"] > 0
    train(data, out=run, size=64, force=True)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["data", "my run", "my run.previous"]
