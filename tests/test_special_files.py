"""Pipes, devices, sockets and endless files where a file is expected: an answer or one of our errors, and at once."""

import os
import shutil
import socket
import subprocess
import sys
import time

import pytest

from tellapart.runs.folder import RUN_FILES

SECONDS = 5.0  # of CPU time of the process itself, on a machine that may be busy
KINDS = ("pipe", "device", "socket", "sparse", "folder", "loop")
READ = (
    "metrics.json",
    "model.tellapart",
    "predictions.csv",
    "split.csv",
    "ledger.csv",
    "history.jsonl",
    "analysis.json",
)


def put(kind, path):
    """Make something at path that is no file to be read."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(10_000_000_000)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path.name)


def ends_well(outcome, codes):
    assert outcome.code in codes, outcome.err
    assert "fault of ours" not in outcome.err
    assert len(outcome.err.strip().splitlines()) >= 1


@pytest.fixture
def run(trained, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(trained.run, folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", READ)
def test_report__a_file_of_the_run_that_is_none(run, tellapart, name, kind):
    put(kind, run / name)
    started = time.process_time()
    outcome = tellapart("report", run)
    assert outcome.code in (0, 2, 3, 4), outcome.err
    assert "fault of ours" not in outcome.err
    assert time.process_time() - started < SECONDS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", ["predict", "evaluate", "explain"])
def test_commands__a_model_that_is_no_file(trained, tmp_path, tellapart, command, kind):
    put(kind, tmp_path / "model.tellapart")
    outcome = tellapart(command, tmp_path / "model.tellapart", trained.data)
    assert outcome.code == 4, outcome.err
    assert len(outcome.err.strip().splitlines()) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_predict__a_picture_that_is_no_file(trained, tmp_path, tellapart, kind):
    put(kind, tmp_path / "picture.png")
    outcome = tellapart("predict", trained.model, tmp_path / "picture.png")
    assert outcome.code == 3, outcome.err


@pytest.mark.parametrize("kind", KINDS)
def test_compare__a_run_that_is_none(run, trained, tellapart, kind):
    put(kind, run / "predictions.csv")
    assert tellapart("compare", run, trained.run).code in (2, 3)
    put(kind, run / "metrics.json")
    assert tellapart("compare", run, trained.run).code == 3


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "folder"])
def test_train__a_run_folder_with_what_is_no_file(run, trained, tellapart, kind):
    for name in (*RUN_FILES, ".tellapart-lock", ".tellapart-left"):
        if name not in ("run.log", "metrics.json"):
            put(kind, run / name)
    outcome = tellapart("train", trained.data, "-o", run, "--force")
    assert outcome.code in (0, 2), outcome.err
    assert "fault of ours" not in outcome.err


@pytest.mark.parametrize("kind", KINDS)
def test_commands__a_store_of_features_that_is_no_file(trained, tmp_path, monkeypatch, tellapart, kind):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    for name in ("features.sqlite", "features.sqlite-wal", "features.sqlite-shm", "features.sqlite-journal"):
        put(kind, tmp_path / name)
    for words in (("cache", "show"), ("predict", trained.model, trained.data / "cat"), ("cache", "clear")):
        outcome = tellapart(*words)
        assert outcome.code in (0, 2), outcome.err
        assert "fault of ours" not in outcome.err


def test_predict__within_a_gigabyte_and_five_seconds(trained, tmp_path):
    """A whole process on a model file of ten gigabytes of nothing."""
    put("sparse", tmp_path / "model.tellapart")
    program = [sys.executable, "-m", "tellapart", "predict", str(tmp_path / "model.tellapart"), str(trained.data)]
    measure = (
        "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:], check=False).returncode;"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); print(code, used.ru_maxrss, used.ru_utime)"
    )
    done = subprocess.run(
        [sys.executable, "-c", measure, *program], capture_output=True, text=True, check=True, timeout=120
    )
    code, memory, seconds = done.stdout.split()
    assert (int(code), int(memory) < 1_000_000, float(seconds) < SECONDS) == (4, True, True)
