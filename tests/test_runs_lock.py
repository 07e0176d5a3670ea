"""One run at a time in a folder, and no lock outlives its process."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from pictures import write_classes
from tellapart.commands.train import train
from tellapart.errors import OutputError
from tellapart.runs.folder import LOCK, LOG, LOG_START, METRICS
from tellapart.runs.lock import only_run

HOLDING = """
import sys
from pathlib import Path
from tellapart.runs.lock import only_run

with only_run(Path(sys.argv[1]), force=False):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of tmp_path/run."""
    command = [sys.executable, "-c", HOLDING, str(tmp_path / "run")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_only_run__the_second_stops_and_names_the_first(holder, tmp_path):
    said = rf"another run is at work.*process {holder.pid}, since 20.*with -o"
    with pytest.raises(OutputError, match=said), only_run(tmp_path / "run", force=True):
        pytest.fail("two at once")
    holder.stdin.close()
    assert holder.wait(timeout=20) == 0
    with only_run(tmp_path / "run", force=False):
        assert (tmp_path / "run" / LOCK).exists()
    assert list((tmp_path / "run").iterdir()) == []


def test_only_run__a_killed_process_holds_nothing(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait(timeout=20)
    assert (tmp_path / "run" / LOCK).exists()
    with only_run(tmp_path / "run", force=False):
        pass
    assert list((tmp_path / "run").iterdir()) == []


def test_train__two_at_once_lose_nothing(holder, tmp_path, tellapart):
    data = write_classes(tmp_path / "data", {"cat": 8, "dog": 8})
    outcome = tellapart("train", data, "-o", tmp_path / "run", "--size", "64")
    assert outcome.code == 2
    assert "another run is at work in this folder" in outcome.complaint
    assert [entry.name for entry in (tmp_path / "run").iterdir()] == [LOCK]


def test_train__the_lock_is_gone_afterwards(tmp_path):
    data = write_classes(tmp_path / "data", {"cat": 8, "dog": 8})
    folder, _ = train(data, out=tmp_path / "run", size=64)
    assert (folder / METRICS).exists()
    assert not (folder / LOCK).exists()


def test_only_run__what_may_not_be_claimed_is_left_as_it_is(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / LOG).write_text(LOG_START)
    (folder / METRICS).write_text("{}")
    with pytest.raises(OutputError, match="already there"), only_run(folder, force=False):
        pass
    assert sorted(entry.name for entry in folder.iterdir()) == [METRICS, LOG]


def test_only_run__of_many_that_come_at_once_one_is_inside(tmp_path):
    inside = []

    def enter(_number):
        try:
            with only_run(tmp_path / "run", force=False):
                inside.append(1)
                assert sum(inside) == 1
                inside.append(-1)
        except OutputError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(enter, range(200))) >= 1
    assert sum(inside) == 0
