"""Kills, a full disk, a damaged cache, two at once: the next run gives the same bytes, and nothing is left behind.

The long forms are in tools/soak; `make soak` runs them.
"""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pictures import write_classes
from tellapart.commands.split import split
from tellapart.commands.train import train
from tellapart.features.cache import FILE_NAME
from tellapart.files import FOLDER_VARIABLE, STAGED_PREFIX
from tellapart.runs.folder import LOG, claim_run
from tellapart.runs.test_uses import FOLDER as TEST_USES

SOAK = Path(__file__).parents[1] / "tools" / "soak"
SIZES = {"train": 4, "valid": 2, "test": 2}
SABOTAGE = """
import os
from tellapart.data.preprocess import Preprocess

plain, log = Preprocess.apply, os.environ["SABOTAGE_LOG"]
def apply(self, content):
    with open(log, "ab") as calls:
        calls.write(b".")
    number = os.path.getsize(log)
    if number == 2:
        raise KeyError("not ours")
    while number == 3:
        pass
    if number == 5:
        os.abort()
    if number == 7:
        bytearray(2_000_000_000)
    return plain(self, content)
Preprocess.apply = apply
"""

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def kills():
    spec = importlib.util.spec_from_file_location("soak_kills", SOAK / "kills.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["soak_kills"] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    yield module
    del sys.modules["soak_kills"]


@pytest.fixture(scope="module")
def evidence(kills):
    """The bytes of a run that must be the same wherever it was written (metrics.json has the command line)."""

    def read(run):
        return {name: content for name, content in kills.contents(run).items() if name != "metrics.json"}

    return read


@pytest.fixture
def data(tmp_path):
    return write_classes(tmp_path / "data", {"a": 12, "b": 12})


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False
    if not mounted:
        pytest.skip("a small file system can be mounted here only as root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def left_behind(folder):
    return [path.name for path in folder.rglob(f"{STAGED_PREFIX}*")]


def fuzz(*arguments, **environment):
    command = [sys.executable, str(SOAK / "fuzz.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)


@linux_only
def test_fuzz__damaged_files_of_every_kind_give_a_picture_or_a_reason():
    ended = fuzz("--files", 400, "--seed", 1)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    assert found["bad"] == []
    assert found["outcomes"]["picture"] > 50
    assert found["outcomes"]["reason"] > 50


@linux_only
def test_fuzz__sees_what_it_looks_for(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(SABOTAGE)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    few = ("--files", 5, "--only", "png", "--seconds", 1)
    ended = fuzz(*few, PYTHONPATH=path, SABOTAGE_LOG=str(tmp_path / "calls"))
    assert ended.returncode == 1, ended.stderr
    outcomes = [each["outcome"] for each in json.loads(ended.stdout)["bad"]]
    assert outcomes == ["foreign exception", "hang", "crash (SIGABRT)", "foreign exception"]


def test_kills__the_next_run_gives_the_same_bytes_and_leaves_nothing(kills, tmp_path):
    given = kills.make_given(tmp_path / "given", count=12)
    for job, count in zip(kills.JOBS, (1, 2, 2), strict=True):
        words = tuple({"20": "6", "8": "2"}.get(word, word) for word in job.words)
        found = kills.soak(replace(job, words=words), tmp_path / job.name, kills=count, seed=0, given=given)
        assert found["faults"] == []
        assert found["kills"] == count


def test_kills__sees_what_it_looks_for(kills, tmp_path):
    given = kills.make_given(tmp_path / "given", count=5)
    words = ("split", "data", "result", "--train", "2", "--valid", "1", "--test", "1")
    job = kills.Job(name="split", words=words, result="result", first="train")
    place = kills.fresh_place(tmp_path / "place", given)
    assert kills.finish(kills.start(job, place))[0] == 0
    expected = kills.contents(place / "result")
    assert kills.check(job, place, expected) == []
    (place / "result" / f"{STAGED_PREFIX}half.png").write_bytes(b"half")
    wrong = {name: content + b"!" for name, content in list(expected.items())[:1]}
    faults = kills.check(job, place, {**expected, **wrong, "train/gone.png": b""})
    assert faults == [
        f"{next(iter(wrong))} differs",
        "train/gone.png is missing",
        f"{STAGED_PREFIX}half.png is left behind",
    ]


def test_claim_run__a_kill_before_the_log_was_there_does_not_block_the_folder(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / f"{STAGED_PREFIX}abc.log").write_bytes(b"tell")
    claim_run(run, force=False)
    assert [path.name for path in run.iterdir()] == [LOG]


def test_split__half_files_of_a_killed_run_are_removed(data, tmp_path):
    split(data, tmp_path / "out", sizes=SIZES)
    whole = sorted(path for path in (tmp_path / "out").rglob("*"))
    (tmp_path / "out" / "train" / "a" / f"{STAGED_PREFIX}half.png").write_bytes(b"half")
    split(data, tmp_path / "out", sizes=SIZES)
    assert sorted(path for path in (tmp_path / "out").rglob("*")) == whole


def test_train__a_cache_with_flipped_bytes_changes_nothing_and_is_mended(data, tmp_path, fresh_cache, evidence):
    train(data, out=tmp_path / "first", size=32)
    random = np.random.default_rng(0)
    for turn in range(2):
        store = fresh_cache / FILE_NAME
        content = bytearray(store.read_bytes())
        # The first turn strikes rows only, the second anything: the header, the pages, the keys.
        for place in random.integers(len(content) // 2 if turn == 0 else 0, len(content), 40 + 60 * turn):
            content[place] ^= 1 << int(random.integers(8))
        store.write_bytes(content)
        _, metrics = train(data, out=tmp_path / f"damaged {turn}", size=32)
        assert metrics["timing"]["fresh"] > 0  # noticed, and looked at again
        assert evidence(tmp_path / f"damaged {turn}") == evidence(tmp_path / "first")
    train(data, out=tmp_path / "begun anew", size=32)  # in the end the store itself was broken
    _, metrics = train(data, out=tmp_path / "mended", size=32)
    assert metrics["timing"]["fresh"] == 0


def test_train__two_at_once_on_one_cache(data, tmp_path, tellapart_process, evidence):
    environment = {FOLDER_VARIABLE: str(tmp_path / "cache")}
    runs = [tmp_path / name for name in ("left", "right")]
    both = [tellapart_process("train", data, "-o", run, "--size", 32, environment=environment) for run in runs]
    said = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert evidence(runs[0]) == evidence(runs[1])
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [FILE_NAME, TEST_USES]
    assert left_behind(tmp_path / "cache") == []


def test_train__on_a_full_disk_is_one_line_and_no_half_file(data, small_disk, tellapart):
    outcome = tellapart("train", data, "-o", small_disk / "run", "--size", 32)
    assert outcome.code == 2
    assert "no space left on device" in outcome.complaint
    assert not (small_disk / "run" / "metrics.json").exists()
    assert not (small_disk / "run" / "model.tellapart").exists()
    assert left_behind(small_disk) == []


def test_train__with_the_cache_on_a_full_disk_works_without(
    data, small_disk, tmp_path, tellapart, monkeypatch, evidence
):
    train(data, out=tmp_path / "elsewhere", size=32)
    monkeypatch.setenv(FOLDER_VARIABLE, str(small_disk))
    (small_disk / "filler").write_bytes(bytes(200_000))
    outcome = tellapart("train", data, "-o", tmp_path / "run", "--size", 32)
    assert outcome.code == 0, outcome.err
    assert "feature cache" in outcome.err
    assert evidence(tmp_path / "run") == evidence(tmp_path / "elsewhere")


def test_split__on_a_full_disk_is_one_line_and_no_half_file(small_disk, tmp_path, tellapart):
    data = write_classes(tmp_path / "large", {"a": 8, "b": 8}, width=160, height=160)
    outcome = tellapart("split", data, small_disk / "out", "--train", 6, "--valid", 1, "--test", 1)
    assert outcome.code == 2
    assert "no space left on device" in outcome.complaint
    assert left_behind(small_disk) == []
    for path in (small_disk / "out").rglob("*.png"):
        assert path.read_bytes() == (data / path.parent.name / path.name).read_bytes()


@pytest.mark.parametrize("said_free", [None, 10**12])
def test_predict__into_a_full_disk_is_one_line_and_no_half_file(
    small_disk, tmp_path, trained, tellapart, monkeypatch, said_free
):
    """Also where the system says that there is room and there is none."""
    large = write_classes(tmp_path / "large", {"a": 8, "b": 8}, width=160, height=160)
    if said_free is not None:
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=said_free))
    outcome = tellapart("predict", trained.model, large, "--into", small_disk / "out")
    assert outcome.code == 2
    assert "no space left on device" in outcome.complaint
    assert left_behind(small_disk) == []
    copies = list((small_disk / "out").rglob("*.png"))
    assert bool(copies) == (said_free is not None)
    whole = {path.read_bytes() for path in large.rglob("*.png")}
    assert all(path.read_bytes() in whole for path in copies)
