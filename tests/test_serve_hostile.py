"""Requests that mean ill get a status of ours each; the long form is in tools/soak/hostile.py."""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("starlette")
from hostile_bodies import KINDS, statuses

CASES = 300


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_serve__300_hostile_requests_are_answered_or_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    statuses(range(len(KINDS)))  # what is loaded once
    before = resident() if sys.platform == "linux" else 0
    found = Counter(statuses(range(CASES)))
    assert found.total() == CASES
    assert found[200] > 0
    assert {400, 404, 413, 415, 422} <= set(found)
    assert list(tmp_path.iterdir()) == []
    if sys.platform == "linux":
        assert resident() - before < 400_000_000  # a bomb let through is beyond a gigabyte
