"""A cluster of Ray of two nodes on this machine: what comes of pictures is the same as here, whoever dies."""

import csv
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pictures import write_classes
from tellapart.answers import together
from tellapart.backbones.catalogue import find_base
from tellapart.commands import predict
from tellapart.data.scan import scan
from tellapart.duplicates import find
from tellapart.errors import DataError, MissingExtraError, UsageError
from tellapart.features.look import look_at
from tellapart.heads import large
from tellapart.heads.ridge import moments_of, ridge_head
from tellapart.heads.summing import sum_up
from tellapart.progress import Silent
from tellapart.recipes import features, prior
from tellapart.types import Index, Picture
from tellapart.workers import ray_pool
from tellapart.workers.cluster import load_ray
from tellapart.workers.pool import HERE, part_at, parts_of
from tellapart.workers.where import hired
from test_duplicates_find import FOUND, with_copies
from test_workers_pool import Heard
from works import Adding, Dying, Full, Naming, Where

pytest.importorskip("ray", reason="the extra ray is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own, of files and processes that it leaves to the system

TESTS = Path(__file__).parent
BAD = ("cat/003.png", "dog/003.png")  # one in every part


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster of two nodes with a core each; its workers keep features in a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELLAPART_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), *sys.path]))
        load_ray()
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        cluster.add_node(num_cpus=1)
        yield cluster
        cluster.shutdown()


@pytest.fixture
def two_workers(cluster):
    with hired(f"ray:{cluster.address}", Silent()) as workers:
        yield workers


def made_up(count):
    """An index of pictures that nobody opens."""
    pictures = tuple(Picture(path=str(number), file=Path(str(number))) for number in range(count))
    return Index(name="made-up", root=Path(), layout="paths", classes=(), pictures=pictures)


def named(workers, work, *, count=40, size=4, progress=None):
    parts = parts_of(made_up(count), size)
    return list(chain.from_iterable(workers.each(work, parts, total=count, progress=progress or Silent())))


def all_of(count):
    return [str(number) for number in range(count)]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two classes of 16 pictures, one of each unreadable."""
    folder = write_classes(tmp_path_factory.mktemp("data"), {"cat": 16, "dog": 16})
    for path in BAD:
        (folder / path).write_bytes(b"no picture")
    return scan(folder)


def test_look_at__sees_on_a_cluster_what_it_sees_here(two_workers, pictures, monkeypatch, tmp_path):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    monkeypatch.chdir(pictures.root)
    named_from_here = tuple(replace(each, file=each.file.relative_to(pictures.root)) for each in pictures.pictures)
    base, heard = find_base("lite0"), Heard()
    assert two_workers.part_size(32) == 16
    there = look_at(replace(pictures, pictures=named_from_here), base, heard, workers=two_workers)
    here = look_at(pictures, base, Silent(), keep=False)
    np.testing.assert_array_equal(there.features, here.features)
    np.testing.assert_array_equal(there.miniatures, here.miniatures)
    for name in ("ledger", "digests", "pixel_digests", "precision", "fresh"):
        assert getattr(there, name) == getattr(here, name)
    assert [each.path for each in there.index.pictures] == [each.path for each in here.index.pictures]
    assert [entry.path for entry in there.ledger if entry.status == "skipped"] == list(BAD)
    assert heard.steps == 32


KILLED = """
import os, signal, sys
from pathlib import Path
from tellapart.backbones.catalogue import find_base
from tellapart.data.scan import scan
from tellapart.features.look import look_at
from tellapart.progress import Silent
from tellapart.workers.where import hired

class Killed(Silent):
    def advance(self, steps=1):
        os.kill(os.getpid(), signal.SIGKILL)

with hired(sys.argv[1], Silent()) as workers:
    look_at(scan(Path(sys.argv[2])), find_base("lite2"), Killed(), workers=workers)
"""


def test_sum_up__adds_up_on_a_cluster_what_it_adds_up_here(two_workers, pictures):
    base = find_base("lite0")
    found, here = (
        sum_up(pictures, base, columns=slice(0, 96), progress=Silent(), workers=workers, size=8)
        for workers in (two_workers, HERE)
    )
    assert (found.ledger, found.digests) == (here.ledger, here.digests)
    assert found.sums.rows == here.sums.rows == len(pictures.pictures) - len(BAD)
    np.testing.assert_allclose(np.tril(found.sums.products), np.tril(here.sums.products), rtol=1e-12)
    heads = [ridge_head(moments_of(sums), l2=1.0) for sums in (found.sums, here.sums)]
    np.testing.assert_allclose(heads[0].weight, heads[1].weight, rtol=1e-5, atol=1e-8)


def test_look_at__goes_on_where_a_killed_driver_stopped(cluster, pictures):
    address = f"ray:{cluster.address}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, address, str(pictures.root)], env=environment, check=False, timeout=300
    )
    assert killed.returncode == -signal.SIGKILL
    base = find_base("lite2")
    with hired(address, Silent()) as workers:
        there = look_at(pictures, base, Silent(), workers=workers)
    assert there.fresh <= 15  # at least one part of 16, with one that is unreadable, was kept
    np.testing.assert_array_equal(there.features, look_at(pictures, base, Silent(), keep=False).features)


def test_open_asking__answers_on_a_cluster_as_here(two_workers, trained, pictures, monkeypatch):
    monkeypatch.setattr(predict, "FEW", 0)  # so that close calls are looked at again
    here, there = (
        predict.open_asking(trained.model, [pictures.root], workers=workers) for workers in (HERE, two_workers)
    )
    assert_same(together(list(there.parts())), together(list(here.parts())))
    assert_same(together(list(there.parts(after=20))), together(list(here.parts(after=20))))


def test_train__writes_on_a_cluster_what_it_writes_here(cluster, trained, tellapart, tmp_path):
    outcome = tellapart(
        *("train", trained.data, "-o", tmp_path / "run", "--folds", 0, "--on", f"ray:{cluster.address}")
    )
    assert outcome.code == 0, outcome.err
    for name in ("predictions.csv", "split.csv", "ledger.csv"):
        assert (tmp_path / "run" / name).read_bytes() == (trained.run / name).read_bytes()


def test_train__makes_on_a_cluster_the_head_of_sums_that_is_made_here(
    cluster, photos, tellapart, tmp_path, monkeypatch
):
    monkeypatch.setattr(large, "SEARCHED_AT_MOST", 10)
    for module in (features, prior):
        monkeypatch.setattr(module, "CROSS_VALIDATED_AT_MOST", 0)
    answers = []
    for where in ("local", f"ray:{cluster.address}"):
        run = tmp_path / where[:3]
        outcome = tellapart("train", photos, "-o", run, "--folds", 0, "--on", where)
        assert outcome.code == 0, outcome.err
        metrics = json.loads((run / "metrics.json").read_text())
        assert (metrics["features_mb"] == 0) is (where != "local")
        answers.append((metrics["selected"]["depths"], metrics["selected"]["l2"], answers_of(run)))
        for name in ("split.csv", "ledger.csv"):
            assert (run / name).read_bytes() == (tmp_path / "loc" / name).read_bytes()
    (*here, (said, shares)), (*there, (said_there, shares_there)) = answers
    assert (here, said) == (there, said_there)
    np.testing.assert_allclose(shares, shares_there, atol=2e-6)


def answers_of(run):
    """What stands in predictions.csv: words, and probabilities."""
    header, *rows = csv.reader((run / "predictions.csv").open())
    shares = [place for place, name in enumerate(header) if name.startswith("p:")]
    words = [[each for place, each in enumerate(row) if place not in shares] for row in rows]
    return words, [[float(row[place]) for place in shares] for row in rows]


def test_audit__finds_on_a_cluster_what_it_finds_here(cluster, photos, tellapart, tmp_path):
    found = []
    for name, on in (("here", "local"), ("there", f"ray:{cluster.address}")):
        outcome = tellapart("audit", photos, "-o", tmp_path / name, "--on", on)
        assert outcome.code == 0, outcome.err
        document = json.loads((tmp_path / name / "findings.json").read_text())
        found.append({**document, "seconds": 0, "command": ""})
    assert found[0] == found[1]
    for name in ("ledger.csv", "suspects.csv"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def test_each__goes_on_where_the_disk_of_a_machine_is_full(two_workers, pictures, tmp_path):
    base = find_base("lite0", size=64)
    parts, heard = parts_of(pictures, 8), Heard()
    work = Full(base=base, marker=tmp_path / "workers")
    seen = list(two_workers.each(work, parts, total=32, progress=heard))
    assert heard.notes
    assert all("feature cache" in note and "\n" not in note for note in heard.notes)
    here = look_at(pictures, base, Silent(), keep=False)
    np.testing.assert_array_equal(np.concatenate([part.features for part in seen]), here.features)
    again = look_at(pictures, base, Silent(), workers=two_workers)  # the same work, with room on the disk
    assert 0 < again.fresh < 30
    np.testing.assert_array_equal(again.features, here.features)


def assert_same(one, other):
    """Whether answers are the same."""
    np.testing.assert_array_equal(one.probabilities, other.probabilities)
    for name in ("unsure", "unlike"):
        np.testing.assert_array_equal(getattr(one.flags, name), getattr(other.flags, name))
    np.testing.assert_array_equal(one.empty, other.empty)
    for name in ("classes", "pictures", "ledger", "given", "columns", "boxed"):
        assert getattr(one, name) == getattr(other, name), name


def test_each__gives_parts_in_order_and_notes_once(two_workers):
    heard = Heard()
    assert named(two_workers, Naming(), progress=heard) == all_of(40)
    assert heard.steps == 40
    assert heard.notes == ["a note"]


def test_each__gives_pictures_again_to_whoever_is_remembered_to_have_done_them(two_workers):
    index, work = made_up(40), Where(seconds=0.05)
    every = {"total": 40, "progress": Silent(), "remember": True}
    did = list(chain.from_iterable(two_workers.each(work, parts_of(index, 3), **every)))
    assert len(set(did)) == 2
    dealt = two_workers.dealt(index.pictures[::-1], 7)
    assert sorted(np.concatenate(dealt).tolist()) == list(range(40))
    backwards = replace(index, pictures=index.pictures[::-1])
    again = two_workers.each(work, [part_at(backwards, places) for places in dealt], **every)
    for places, processes in zip(dealt, again, strict=True):
        assert processes == [did[39 - place] for place in places]


def test_each__passes_on_an_error_of_ours(two_workers):
    with pytest.raises(DataError, match=r"this one is wrong: 17\. Mend it\."):
        named(two_workers, Naming(wrong="17"))


def test_each__gives_out_again_what_a_dead_worker_had(two_workers, tmp_path):
    marker = tmp_path / "died"
    assert named(two_workers, Naming(deadly="9", marker=marker)) == all_of(40)
    assert marker.exists()
    assert named(two_workers, Naming()) == all_of(40)  # there are two again, or one: no part is missing


def test_each__says_which_pictures_kill_workers(two_workers):
    with pytest.raises(DataError, match=r"workers died 3 times of the same 4 pictures .*: from 8\. Leave out"):
        named(two_workers, Naming(deadly="9"))


def arrays(count):
    """Some of them travel in a message and some in shared memory."""
    return (np.full(2 + 40_000 * (number % 2), number) for number in range(count))


def first_number(array):
    return f"adding up from {array[0]}"


def test_map__makes_pieces_in_order_whoever_dies(two_workers, tmp_path):
    marker = tmp_path / "died"
    made = list(two_workers.map(Adding(deadly=7, marker=marker), arrays(30), told=first_number))
    assert marker.exists()
    assert [total for total, _ in made] == [int(array.sum()) for array in arrays(30)]
    assert len({process for _, process in made}) > 1
    assert list(two_workers.map(Adding(), arrays(0), told=first_number)) == []


def test_map__takes_pieces_as_there_is_somebody(two_workers):
    taken = []
    made = two_workers.map(Adding(), (taken.append(0) or array for array in arrays(200)), told=first_number)
    assert next(made)[0] == 0
    assert len(taken) < 20
    made.close()
    hands = two_workers.pool._hands
    assert hands
    assert not any(hand.parts for hand in hands), "what nobody waits for any more is not theirs"


def test_map__passes_on_errors_and_says_what_kills_workers(two_workers):
    with pytest.raises(DataError, match=r"this one is wrong: 3\. Mend it\."):
        list(two_workers.map(Adding(wrong=3), arrays(9), told=first_number))
    what = (
        r"workers died 3 times as they looked for copies \(.*; the last on [\d.]+\): adding up from 3\. .* --on local"
    )
    with pytest.raises(DataError, match=what):
        list(two_workers.map(Adding(deadly=3), arrays(9), told=first_number))


def test_find_duplicates__finds_on_a_cluster_what_it_finds_here_though_a_worker_dies(
    two_workers, monkeypatch, tmp_path
):
    monkeypatch.setattr(find, "STEP", 7)
    embedded = look_at(with_copies(tmp_path), find_base("lite0", size=64), Silent(), keep=False)
    here = find.find_duplicates(embedded)
    assert len(here) > FOUND
    marker = tmp_path / "died"
    monkeypatch.setattr(find, "lay", Dying(marker=marker))
    assert find.find_duplicates(embedded, workers=two_workers) == here
    assert marker.exists()


def test_each__goes_on_without_a_lost_machine(cluster):
    third = cluster.add_node(num_cpus=1)
    with hired(f"ray:{cluster.address}", Silent()) as workers:
        found = []
        for paths in workers.each(Naming(seconds=0.1), parts_of(made_up(60), 4), total=60, progress=Silent()):
            if not found:
                cluster.remove_node(third, allow_graceful=False)
            found += paths
    assert found == all_of(60)


def test_hired__says_whom_it_waits_for(cluster, monkeypatch):
    monkeypatch.setattr(ray_pool, "SOON_SECONDS", 0.0)
    heard = Heard()
    with hired(f"ray:{cluster.address}", heard) as workers:
        workers.ready()
    waits = "Waiting for workers, up to 90 s: each takes all cores of its machine that are free."
    assert [note for note in heard.notes if note.startswith("Waiting")] == [waits]


def test_hired__stops_at_another_version(cluster, monkeypatch):
    monkeypatch.setattr(ray_pool, "own_version", lambda: "0.0.1")
    with (
        pytest.raises(UsageError, match=r"a worker has tellapart .*, and this is 0\.0\.1"),
        hired(f"ray:{cluster.address}", Silent()) as workers,
    ):
        workers.ready()


def test_hired__stops_at_a_worker_that_lacks_tellapart(cluster, monkeypatch):
    absent = ModuleType("not_on_the_other_machines")
    exec("class Worker:\n    def installed(self): ...", absent.__dict__)  # pickled by the name of its module
    monkeypatch.setitem(sys.modules, absent.__name__, absent)
    monkeypatch.setattr(ray_pool, "Worker", absent.Worker)
    with (
        pytest.raises(
            MissingExtraError, match=r"a worker cannot begin \(.*not_on_the_other_machines.*Install the same"
        ),
        hired(f"ray:{cluster.address}", Silent()) as workers,
    ):
        workers.ready()
