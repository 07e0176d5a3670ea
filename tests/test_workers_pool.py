"""The pool of one, what --on says, and how work travels: without Ray."""

import os
import pickle
import socket
import weakref
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from pictures import write_classes
from tellapart.backbones.catalogue import find_base
from tellapart.data.scan import scan
from tellapart.errors import UsageError
from tellapart.features import look
from tellapart.features.look import Looking, check_precision, check_seen, look_at
from tellapart.features.take import SomeColumns
from tellapart.features.together import pack_embedded, parts_together
from tellapart.progress import PartOfStage, Silent
from tellapart.types import Index, LedgerEntry, Picture
from tellapart.workers import ray_pool, where
from tellapart.workers.pool import HERE, as_it_is, blocks, parts_of, portable
from tellapart.workers.where import address_of, hired
from works import Naming


class Heard(Silent):
    """A listener that remembers."""

    def __init__(self):
        self.steps, self.notes = 0, []

    def advance(self, steps=1):
        self.steps += steps

    def note(self, message):
        self.notes.append(message)


class Elsewhere:
    """Workers that do what those of a cluster do, one part after the other, in this process."""

    elsewhere = True

    def __init__(self, size, machines=1):
        self.size, self.machines = size, machines

    def part_size(self, count):
        return self.size

    def dealt(self, pictures, size):
        """Each machine has seen every so many-th picture."""
        places = np.arange(len(pictures))
        of_each = (places[machine :: self.machines] for machine in range(self.machines))
        return [part for seen in of_each if len(seen) for part in blocks(seen, size)] or [places]

    def each(self, work, parts, *, total, progress, remember=False):
        sent = work.away()
        do, noting = sent.open(), PartOfStage(progress, steps=0)
        for part in parts:
            yield work.unpack(part, sent.pack(do(portable(part), noting)))

    def map(self, do, pieces, *, told, away=as_it_is):
        do = sent_away(do)
        for piece in pieces:
            yield sent_away(do(sent_away(away(piece))))


def sent_away(what):
    """The same as another process has it: its arrays cannot be written to."""
    held = []
    packed = pickle.dumps(what, protocol=5, buffer_callback=held.append)
    return pickle.loads(packed, buffers=[bytes(each) for each in held])


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two classes of four pictures, one of them unreadable."""
    folder = write_classes(tmp_path_factory.mktemp("data"), {"cat": 4, "dog": 4})
    (folder / "cat/002.png").write_bytes(b"no picture")
    return scan(folder)


@pytest.fixture(scope="module")
def base():
    return find_base("lite0")


def assert_same(one, other):
    np.testing.assert_array_equal(one.features, other.features)
    np.testing.assert_array_equal(one.miniatures, other.miniatures)
    for name in ("index", "ledger", "digests", "pixel_digests", "precision", "fresh"):
        assert getattr(one, name) == getattr(other, name), name


@pytest.mark.parametrize("size", [1, 3, 100])
def test_look_at__is_the_same_in_parts_and_elsewhere(pictures, base, size):
    whole = look_at(pictures, base, Silent(), keep=False)
    assert_same(look_at(pictures, base, Silent(), keep=False, workers=Elsewhere(size)), whole)


@pytest.mark.parametrize("workers", [HERE, *(map(Elsewhere, (1, 3)))], ids=["here", "one", "three"])
def test_look_at__takes_of_the_features_what_is_asked_for(pictures, base, workers):
    whole = look_at(pictures, base, Silent(), keep=False)
    taken = look_at(pictures, base, Silent(), keep=False, take=SomeColumns(start=5, stop=9), workers=workers)
    np.testing.assert_array_equal(taken.features, whole.features[:, 5:9])
    assert_same(replace(taken, features=whole.features), whole)


def test_pack_embedded__what_float16_does_not_hold_travels_whole(pictures, base):
    seen = look_at(pictures, base, Silent(), keep=False)
    assert pack_embedded(seen)["features"].dtype == np.float16
    products = np.array([[1 / 3, 1e6]] * 7, np.float32)
    np.testing.assert_array_equal(pack_embedded(replace(seen, features=products))["features"], products)


def test_parts_together__holds_no_part_any_longer_than_it_needs(pictures, base):
    parts, held = parts_of(pictures, 2), []

    def seen():
        for part in parts:
            assert not any(array() is not None for each in held[1:-1] for array in each)  # but the first and the last
            found = look_at(part, base, Silent(), keep=False)
            held.append([weakref.ref(found.features.base), weakref.ref(found.miniatures.base)])
            yield found

    found = parts_together(seen(), pictures, width=base.width, since=0.0)
    assert len(found.features) == len(found.miniatures) == 7


def test_look_at__a_first_part_that_cannot_be_read_takes_no_miniatures_from_the_others(base, tmp_path):
    folder = write_classes(tmp_path / "data", {"cat": 2, "dog": 1})
    first = scan(folder).pictures[0].file
    first.write_bytes(b"no picture")
    broken = scan(folder)
    whole = look_at(broken, base, Silent(), keep=False)
    assert len(whole.miniatures) == 2
    assert_same(look_at(broken, base, Silent(), keep=False, workers=Elsewhere(1)), whole)


@pytest.mark.parametrize("workers", [HERE, Elsewhere(3)], ids=["here", "elsewhere"])
def test_look_at__says_once_of_all_parts_that_there_is_no_cache(pictures, base, workers, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(look, "TAKEN_AT_ONCE", 3)
    heard = Heard()
    look_at(pictures, base, heard, take=SomeColumns(start=5, stop=9), workers=workers)
    assert sum("The feature cache cannot be used" in note for note in heard.notes) == 1
    assert heard.steps == 8 or workers.elsewhere


@pytest.mark.parametrize("size", [3, 100])
def test_look_at__fills_what_it_is_given_elsewhere(pictures, base, size):
    into = np.full((8, base.width), -1, np.float32)
    seen = look_at(pictures, base, Silent(), keep=False, into=into, workers=Elsewhere(size))
    assert np.shares_memory(seen.features, into)
    np.testing.assert_array_equal(into[:7], look_at(pictures, base, Silent(), keep=False).features)


def test_look_at__keeps_what_the_index_says_beside_its_pictures(pictures, base):
    skipped = (LedgerEntry(path="notes.txt", status="skipped", reason="no picture"),)
    seen = look_at(replace(pictures, skipped=skipped), base, Silent(), keep=False, workers=Elsewhere(3))
    assert seen.index.skipped == skipped


@pytest.mark.parametrize("workers", [HERE, Elsewhere(3)], ids=["here", "elsewhere"])
def test_map__makes_each_piece_in_order_and_takes_no_more_than_is_asked_for(workers):
    taken = []
    pieces = (taken.append(number) or np.full(2, number) for number in range(4))
    made = workers.map(np.sum, pieces, told=str)
    assert (next(made), taken) == (0, [0])
    assert list(made) == [2, 4, 6]


def test_parts_of__of_nothing_is_one_part():
    nothing = scan_of(())
    assert [part.pictures for part in parts_of(nothing, HERE.part_size(0))] == [()]


def scan_of(pictures, arrays=None):
    return Index(name="x", root=Path(), layout="paths", classes=(), pictures=pictures, arrays=arrays or {})


def test_portable__takes_the_rows_that_are_asked_for_and_whole_paths():
    file = Path("some.idx")
    pixels = np.arange(5 * 2 * 2, dtype=np.uint8).reshape(5, 2, 2)
    asked = (
        Picture(path="some.idx#4", file=file, row=4),
        Picture(path="a.png", file=Path("a.png")),
        Picture(path="some.idx#1", file=file, row=1),
    )
    sent = portable(scan_of(asked, {file: pixels}))
    assert [each.row for each in sent.pictures] == [0, None, 1]
    assert all(each.file.is_absolute() for each in sent.pictures)
    np.testing.assert_array_equal(sent.arrays[Path.cwd() / file], pixels[[4, 1]])


@pytest.mark.parametrize(
    ("said", "address"),
    [("local", None), ("ray", ""), ("ray:auto", "auto"), ("ray:10.0.0.5:6379", "10.0.0.5:6379")],
)
def test_address_of__takes_what_it_says(said, address):
    assert address_of(said) == address


@pytest.mark.parametrize(
    "said", ["", "Ray", "ray:", "ray:host", "ray:ray://host:1", "ray:host:0", "ray:h:99999", "k8s"]
)
def test_address_of__refuses_the_rest(said):
    with pytest.raises(UsageError, match="no such place to work on"):
        address_of(said)


def test_hired__is_this_process_by_default():
    with hired("local", Silent()) as workers:
        assert workers is HERE


class Busy:
    """Ray of which every worker is gone, and another never comes."""

    def __init__(self):
        self.waits = []

    def wait(self, waiting, *, num_returns, timeout):
        self.waits.append(timeout)
        return [], waiting

    def put(self, what):
        return what


@pytest.mark.parametrize("coming", [{}, {"another": None}])
def test_each__ends_where_no_worker_is_left(coming):
    pool = ray_pool.RayPool.__new__(ray_pool.RayPool)
    pool._seen_on = {}
    busy = Busy()
    pool._ray, pool._numbers, pool._hands, pool._coming = busy, count(), [], coming
    with pytest.raises(UsageError, match=r"no worker is left.*Run the same command again.*goes on"):
        list(pool.each(Naming(), [scan_of(())], total=0, progress=Silent()))
    assert busy.waits == ([ray_pool.READY_SECONDS] if coming else [])


@pytest.mark.parametrize(
    "command",
    [
        ("train", "nowhere", "-o", "run"),
        ("audit", "nowhere"),
        ("embed", "nowhere", "-o", "features.npz"),
        ("predict", "nowhere.tellapart", "nowhere"),
    ],
)
def test_hired__begins_no_cluster_before_the_rest_is_checked(command, tellapart, monkeypatch, tmp_path):
    monkeypatch.setattr(where, "ray_pool", lambda *_: pytest.fail("a cluster was begun"))
    monkeypatch.chdir(tmp_path)
    outcome = tellapart(*command, "--on", "ray")
    assert outcome.code in (3, 4)
    assert "nowhere" in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_train__begins_no_run_where_no_cluster_answers(tellapart, photos, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    outcome = tellapart("train", photos, "-o", tmp_path / "run", "--on", f"ray:127.0.0.1:{port}")
    assert outcome.code in (2, 5)  # 5 where Ray is not installed
    assert list(tmp_path.iterdir()) == []


def test_check_precision__stops_where_rows_would_differ(monkeypatch):
    monkeypatch.setattr(look, "native_precision", lambda: "f32")
    check_precision("f32")
    with pytest.raises(UsageError, match="a worker computes in f32, and the machine that asks in bf16"):
        check_precision("bf16")


def test_away__asks_for_the_precision_of_this_machine(base, monkeypatch):
    monkeypatch.setattr(look, "native_precision", lambda: "f16")
    assert Looking(base=base).away().precision == "f16"


def test_check_seen__tells_a_folder_that_is_not_shared_from_a_picture_that_is_gone(tmp_path):
    here, gone = tmp_path / "here.png", tmp_path / "gone.png"
    here.touch()
    absent = os.strerror(2).lower()
    entries = [LedgerEntry(path=path.name, status="skipped", reason=absent) for path in (here, gone)]
    check_seen(scan_of((Picture(path="gone.png", file=gone),)), entries[1:])
    with pytest.raises(UsageError, match="a worker does not find a picture that is here"):
        check_seen(scan_of((Picture(path="here.png", file=here),)), entries[:1])


def test_parts_together__counts_the_seconds_from_the_first(pictures, base):
    seen = look_at(pictures, base, Silent(), keep=False)
    made = parts_together(
        iter([seen, seen]), replace(pictures, pictures=pictures.pictures * 2), width=base.width, since=0.0
    )
    assert made.embed_s > seen.embed_s
    assert made.decode_s == 2 * seen.decode_s


def test_embed__refuses_a_place_that_is_none(tellapart, tmp_path, pictures):
    outcome = tellapart("embed", pictures.root, "-o", tmp_path / "f.npz", "--on", "nowhere")
    assert outcome.code == 2
    assert "no such place to work on: nowhere" in outcome.complaint
