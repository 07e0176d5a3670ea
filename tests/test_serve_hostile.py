"""Requests that mean ill get a status of ours each; the long form is in tools/soak/hostile.py."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("starlette")
import hostile_bodies

CASES = 300


def resident():
    """Bytes of memory that this process holds, as Linux counts them; 0 elsewhere."""
    counts = Path("/proc/self/statm")
    return int(counts.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if counts.exists() else 0


def ask():
    """Print which statuses came, and by how much this process has grown after what is loaded once."""
    hostile_bodies.statuses(range(len(hostile_bodies.KINDS)))
    before = resident()
    found = Counter(hostile_bodies.statuses(range(CASES)))
    print(json.dumps({"found": found, "grown": resident() - before}))


def test_serve__300_hostile_requests_are_answered_or_refused(tmp_path):
    """In a process of its own, whose memory nothing else has touched."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", "import test_serve_hostile as test; test.ask()"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    found = {int(status): count for status, count in told["found"].items()}
    assert sum(found.values()) == CASES
    assert found[200] > 0
    assert {400, 404, 413, 415, 422} <= set(found)
    assert list(tmp_path.iterdir()) == []
    assert told["grown"] < 200_000_000
