"""As many threads as the user, the scheduler and a container leave; and torch's sleep where they wait."""

import os
import subprocess
import sys

import pytest

from tellapart.cores import VARIABLE, asked_for, quota, thread_count


def test_thread_count__is_what_the_user_asks_for_and_never_more_than_there_are(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    there = thread_count()
    assert there >= 1
    for asked, found in (("1", 1), ("1,2", 1), (" 1 ", 1), ("9999", there), ("", there), ("many", there), ("0", there)):
        monkeypatch.setenv(VARIABLE, asked)
        assert thread_count() == found, asked


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux binds a process to cores")
def test_thread_count__is_what_the_process_is_bound_to(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert thread_count() == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "max 100000\n"}, []),
        ({"cpu.max": "150000 100000\n"}, [1]),
        ({"cpu.max": "50000 100000\n"}, [0]),
        ({"cpu.max": "400000 100000\n"}, [4]),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, [3]),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, []),
        ({"cpu.max": "junk"}, []),
        ({"cpu.max": "100 0"}, []),
        ({}, []),
    ],
)
def test_quota__is_read_as_both_kinds_of_containers_have_it(tmp_path, monkeypatch, files, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="ascii")
    assert quota(tmp_path) == cores
    monkeypatch.setattr("tellapart.cores.GROUPS", tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    assert thread_count() >= 1
    if cores and cores[0] <= 1:
        assert thread_count() == 1


def test_asked_for__is_no_number_too_long_to_be_one():
    assert asked_for("9" * 5_000) == []


@pytest.mark.parametrize(("given", "found"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_load_torch__has_its_threads_sleep_unless_the_user_says_otherwise(given, found, tmp_path):
    """A module in the place of torch tells what it finds when it is loaded."""
    (tmp_path / "torch.py").write_text("import os\nprint(os.environ['OMP_WAIT_POLICY'])\n")
    code = "from tellapart.extras import load_torch; load_torch()"
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    environment |= {} if given is None else {"OMP_WAIT_POLICY": given}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == found
