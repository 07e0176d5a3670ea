"""A cluster of Ray: one of our own that begins and ends with the command, and those that do not answer."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import types
from pathlib import Path

import pytest

from pictures import write_classes
from tellapart.errors import MissingExtraError, UsageError
from tellapart.progress import Silent
from tellapart.workers import cluster
from tellapart.workers.cluster import load_ray
from tellapart.workers.where import hired

pytest.importorskip("ray", reason="the extra ray is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own, of files and processes that it leaves to the system

TESTS = Path(__file__).parent


SMALL = """
import json, sys, time
from functools import partial
from pathlib import Path
import numpy as np
from tellapart.errors import OutputError
from tellapart.progress import listener
from tellapart.workers import cluster
from tellapart.workers.where import hired
from works import Adding

ZEROS, LARGE = np.zeros(2, np.int64), np.zeros(100_000_000, np.uint8)
quiet, said = cluster.quiet(), []
cluster.STORE_BYTES = 80_000_000
cluster.quiet = lambda: quiet | {"_system_config": {"local_fs_capacity_threshold": 0.0}}  # every disk counts as full
with hired("ray", listener()) as workers:
    once = Adding(deadly=0, marker=Path(sys.argv[1]))
    said.append([total for total, _ in workers.map(once, [ZEROS], told=str)])
    for do, piece in ((Adding(), LARGE), (partial(np.repeat, repeats=6_000_000), ZEROS)):
        try:
            list(workers.map(do, [piece], told=str))
        except OutputError as error:
            said.append(str(error))
    time.sleep(1)  # what Ray says itself comes later
print(json.dumps(said))
"""


def test_map__says_where_there_is_no_room_and_nothing_else(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    line = [sys.executable, "-c", SMALL, str(tmp_path / "died")]
    ended = subprocess.run(line, env=environment, check=True, capture_output=True, timeout=300)
    totals, here, there = json.loads(ended.stdout)
    assert totals == [0]
    full = r"Ray's memory and the disk behind it are full: {}\. Free .* goes on where this one stopped\."
    assert re.search(full.format("this machine"), here)
    assert re.search(full.format(r"[\d.]+"), there)
    said = ended.stderr.decode().splitlines()
    slow = ("Beginning a cluster of Ray on this machine.", "Waiting for workers, up to 90 s")
    assert [one for one in said if not one.startswith(slow)] == ["A worker died; what it had is given out again."]


def test_hired__stops_where_nobody_answers():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with (
        pytest.raises(UsageError, match="no cluster of Ray to work on"),
        hired(f"ray:127.0.0.1:{port}", Silent()) as gone,
    ):
        gone.ready()


def test_hired__stops_where_something_else_answers():
    def answer(server):
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer, args=[server], daemon=True).start()
        address = f"ray:127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UsageError, match="something else answers"), hired(address, Silent()) as strange:
            strange.ready()


def test_embed__begins_a_cluster_of_its_own_that_ends(tmp_path):
    folder = write_classes(tmp_path / "data", {"cat": 3, "dog": 3})
    line = [sys.executable, "-m", "tellapart", "embed", str(folder), "-o", "f.npz", "--on", "ray", "--json"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
    ended = subprocess.run(line, env=environment, cwd=tmp_path, check=True, capture_output=True, timeout=300)
    assert json.loads(ended.stdout)["pictures"] == 6
    assert not (tmp_path / ".ray").exists()  # the token is in no file
    said = ended.stderr.splitlines()
    assert said.count(b"Beginning a cluster of Ray on this machine.") == 1
    ours = (b"pictures", b"labels", b"Beginning", b"Waiting for workers", b"looked at again")
    assert [line for line in said if not any(word in line for word in ours)] == []  # Ray says nothing


@pytest.mark.parametrize("when", ["Beginning a cluster", "Looking at pictures"])
def test_embed__that_is_ended_stops_as_by_a_key(tmp_path, when):
    folder = write_classes(tmp_path / "data", {"cat": 30, "dog": 30})
    line = [sys.executable, "-m", "tellapart", "embed", str(folder), "-o", "f.npz", "--on", "ray"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TELLAPART_CACHE": str(tmp_path / "cache")}
    with subprocess.Popen(line, env=environment, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as running:
        assert any(when in said for said in iter(running.stderr.readline, ""))
        running.terminate()
        rest = running.stderr.read()
    assert running.returncode == 130
    assert (
        rest.splitlines()[-1] == "tellapart: stopped; whatever is kept by now is used when the same command runs again"
    )
    assert "***" not in rest


@pytest.mark.parametrize(("theirs", "why"), [(True, "a part of a cluster of Ray already"), (False, "no room")])
def test_ray_cluster__ends_what_it_has_begun_and_nothing_of_the_callers(monkeypatch, theirs, why):
    def init(**_):
        raise RuntimeError("no room")

    ended = []
    ray = types.SimpleNamespace(init=init, is_initialized=lambda: theirs, shutdown=lambda: ended.append(1))
    monkeypatch.setattr(cluster, "load_ray", lambda _: ray)
    with pytest.raises(UsageError, match=why), cluster.ray_cluster("", Silent()):
        pass
    assert len(ended) == (not theirs)


def test_ray_cluster__hears_sigterm_until_the_cluster_has_ended(monkeypatch):
    before, heard = signal.getsignal(signal.SIGTERM), []

    def init(**_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Ray puts its own there

    ended = lambda: heard.append(signal.getsignal(signal.SIGTERM))  # noqa: E731
    ray = types.SimpleNamespace(init=init, is_initialized=bool, shutdown=ended)
    monkeypatch.setattr(cluster, "load_ray", lambda _: ray)
    with cluster.ray_cluster("", Silent()):
        heard.append(signal.getsignal(signal.SIGTERM))
    assert heard == [signal.default_int_handler] * 2
    assert signal.getsignal(signal.SIGTERM) is before


def test_ray_cluster__takes_an_exit_of_ray_while_it_begins_as_a_key(monkeypatch):
    ended = []
    ray = types.SimpleNamespace(init=lambda **_: sys.exit(15), is_initialized=bool, shutdown=lambda: ended.append(1))
    monkeypatch.setattr(cluster, "load_ray", lambda _: ray)
    with pytest.raises(KeyboardInterrupt), cluster.ray_cluster("", Silent()):
        pass
    assert ended == [1]


def test_load_ray__says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'tellapart\[ray\]'"):
        load_ray()
