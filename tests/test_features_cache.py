"""The feature cache: what is put in comes out, what is damaged is a miss, and nothing about it stops a run."""

import contextlib
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.features.cache import (
    FILE_NAME,
    LIMIT_VARIABLE,
    Entry,
    cache_limit,
    cache_status,
    clear_cache,
    entry_key,
    open_cache,
)
from tellapart.files import FOLDER_VARIABLE, cache_folder

WRITER = """
import sys
import threading
from pathlib import Path
import numpy as np
from tellapart.features.cache import Entry, entry_key, open_cache

folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with open_cache(folder) as cache:
    print("open", flush=True)
    for number in range(count):
        key = entry_key(b"", name, str(number))
        cache.put([(key, Entry(row=np.full(2000, number % 2000, np.float16), notes=f"{name} {number}"))])
    assert cache.trouble is None, cache.trouble
"""


def key_of(number):
    return hashlib.sha256(str(number).encode()).digest()


def entry_of(number, *, width=100):
    return Entry(row=np.random.default_rng(number).normal(size=width).astype(np.float16), notes=f"note {number}")


def same(left, right):
    return (left.notes, left.row.tobytes(), left.more) == (right.notes, right.row.tobytes(), right.more)


def fill(folder, numbers, **options):
    with open_cache(folder) as cache:
        cache.put([(key_of(number), entry_of(number, **options)) for number in numbers])
        assert cache.trouble is None


def test_get__what_was_put_comes_out_bit_for_bit(tmp_path):
    special = Entry(row=np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 6e-8, 65504], np.float16), notes="é \udcff \0;\n")
    with open_cache(tmp_path) as cache:
        cache.put([(key_of(0), special), (key_of(1), Entry(row=np.empty(0, np.float16), notes=""))])
        cache.put([(key_of(3), replace(special, more=b"\0more\xff"))])
    with open_cache(tmp_path) as cache:
        assert same(cache.get(key_of(0)), special)
        assert same(cache.get(key_of(3)), replace(special, more=b"\0more\xff"))
        assert len(cache.get(key_of(1)).row) == 0
        assert cache.get(key_of(2)) is None
        assert cache_status(tmp_path).entries == 3
        assert cache.trouble is None


def test_put__the_same_key_again_replaces(tmp_path):
    with open_cache(tmp_path) as cache:
        cache.put([(key_of(0), entry_of(0))])
        cache.put([(key_of(0), entry_of(1))])
        assert same(cache.get(key_of(0)), entry_of(1))
        assert cache_status(tmp_path).entries == 1


@given(st.binary(max_size=8), st.lists(st.text(max_size=4), max_size=4))
def test_entry_key__is_32_bytes_and_depends_on_every_part(digest, parts):
    key = entry_key(digest, *parts)
    assert len(key) == 32
    assert key != entry_key(digest, *parts, "more")


@pytest.mark.parametrize("column", ["row", "notes", "key", "digest"])
def test_get__one_flipped_bit_is_a_miss(tmp_path, column):
    fill(tmp_path, range(3))
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as store, store:
        (value,) = store.execute(f"select {column} from entry where key = ?", (key_of(1),)).fetchone()
        flipped = bytes([value[0] ^ 4]) + value[1:]
        store.execute(f"update entry set {column} = ? where key = ?", (flipped, key_of(1)))
    with open_cache(tmp_path) as cache:
        assert cache.get(key_of(1)) is None
        if column == "key":
            assert cache.get(flipped) is None
        assert same(cache.get(key_of(0)), entry_of(0))
        cache.put([(key_of(1), entry_of(1))])
        assert same(cache.get(key_of(1)), entry_of(1))


@pytest.mark.parametrize("value", ["text", 5, 1.5, b"", b"\x00" * 7])
def test_get__a_row_of_another_type_is_a_miss(tmp_path, value):
    fill(tmp_path, range(2))
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as store, store:
        store.execute("update entry set row = ? where key = ?", (value, key_of(0)))
    with open_cache(tmp_path) as cache:
        assert cache.get(key_of(0)) is None
        assert cache.get(key_of(1)) is not None


def damaged_stores(folder):
    """The bytes of a good store with some of them replaced, cut off or exchanged: 60 seeded ways."""
    content = (folder / FILE_NAME).read_bytes()
    random = np.random.default_rng(7)
    for way in range(60):
        changed = bytearray(content)
        if way % 6 == 0:
            changed = changed[: random.integers(len(changed))]
        elif way % 6 == 1:
            start = int(random.integers(len(changed)))
            changed[start : start + 5000] = random.bytes(min(5000, len(changed) - start))
        elif way % 6 == 2:
            changed[int(random.integers(200))] ^= 1 << int(random.integers(8))
        else:
            for _ in range(1 + way):
                changed[int(random.integers(len(changed)))] ^= 1 << int(random.integers(8))
        yield bytes(changed)
    yield b""
    yield b"not a database at all" * 400


def test_open_cache__a_damaged_store_never_raises_and_never_gives_a_wrong_row(tmp_path):
    fill(tmp_path, range(40))
    for content in damaged_stores(tmp_path):
        for suffix in ("-wal", "-shm"):
            (tmp_path / f"{FILE_NAME}{suffix}").unlink(missing_ok=True)
        (tmp_path / FILE_NAME).write_bytes(content)
        with open_cache(tmp_path) as cache:
            for number in range(40):
                found = cache.get(key_of(number))
                assert found is None or same(found, entry_of(number))
            cache.put([(key_of(number), entry_of(number)) for number in range(20, 60)])


@pytest.mark.parametrize("damage", ["page", "schema", "header", "another table"])
def test_open_cache__a_store_that_turned_out_damaged_is_begun_anew(tmp_path, damage):
    fill(tmp_path, range(40))
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    if damage == "page":
        content[4096:] = b"\xff" * (len(content) - 4096)
    elif damage == "header":
        content[:16] = b"\xff" * 16
    else:
        place = content.index(b"digest blob")
        content[place : place + 6] = b"digets" if damage == "schema" else b"\0igest"
    path.write_bytes(bytes(content))
    for _ in range(2):  # the first may only find out, the second must work
        with open_cache(tmp_path) as cache:
            cache.get(key_of(0))
            cache.put([(key_of(number), entry_of(number)) for number in range(40)])
    with open_cache(tmp_path) as cache:
        assert all(cache.get(key_of(number)) is not None for number in range(40))
        assert cache.trouble is None


def test_put__the_least_recently_used_make_room_below_the_limit(tmp_path, monkeypatch):
    monkeypatch.setenv(LIMIT_VARIABLE, "1")
    now = [1_000_000.0]
    monkeypatch.setattr("tellapart.features.cache.time.time", lambda: now[0])
    with open_cache(tmp_path) as cache:
        for number in range(0, 400, 10):
            now[0] += 10
            cache.put([(key_of(each), entry_of(each, width=4000)) for each in range(number, number + 10)])
            assert cache.trouble is None
        kept = [number for number in range(400) if cache.get(key_of(number)) is not None]
    assert kept == list(range(400 - len(kept), 400))
    assert 50 < len(kept) < 130  # 8 kB each
    assert cache_status(tmp_path).size < 2 * 1_000_000
    assert cache_status(tmp_path).entries == len(kept)


def test_put__what_was_read_lately_stays_when_room_is_made(tmp_path, monkeypatch):
    monkeypatch.setenv(LIMIT_VARIABLE, "1")
    now = [1_000_000.0]
    monkeypatch.setattr("tellapart.features.cache.time.time", lambda: now[0])
    fill(tmp_path, [0], width=8000)
    now[0] += 10
    fill(tmp_path, range(1, 60), width=8000)
    now[0] += 200_000
    with open_cache(tmp_path) as cache:
        assert cache.get(key_of(0)) is not None
    with open_cache(tmp_path) as cache:
        for number in range(100, 120, 5):
            cache.put([(key_of(each), entry_of(each, width=8000)) for each in range(number, number + 5)])
        assert cache.get(key_of(0)) is not None
        assert sum(cache.get(key_of(number)) is None for number in range(1, 60)) > 10


def test_put__a_full_store_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch):
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    fill(tmp_path, range(8))
    fill(tmp_path, range(8, 16))
    assert cache_status(tmp_path).entries >= 8


def test_put__two_processes_at_once(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path)]
    writers = [subprocess.Popen([*command, name, "60"], stdout=subprocess.DEVNULL) for name in ("left", "right")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    with open_cache(tmp_path) as cache:
        assert cache_status(tmp_path).entries == 120
        for name in ("left", "right"):
            found = cache.get(entry_key(b"", name, "59"))
            assert found.notes == f"{name} 59"
            assert set(found.row.tolist()) == {59}


def test_takes_entries__while_another_process_writes(tmp_path):
    fill(tmp_path, range(2))
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as other, open_cache(tmp_path) as cache:
        assert cache.takes_entries()
        other.execute("begin immediate")
        started = time.monotonic()
        assert cache.takes_entries()
        assert time.monotonic() - started < 10, "nobody is waited for"
        other.rollback()
        cache._connection.execute("pragma query_only = on")
        assert not cache.takes_entries()


def test_put__a_killed_writer_leaves_a_readable_store(tmp_path):
    for turn in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), f"turn {turn}", "1000000"], stdout=subprocess.PIPE
        )
        assert writer.stdout.readline() == b"open\n"
        time.sleep(0.02 + 0.03 * turn)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        with open_cache(tmp_path) as cache:
            number = 0
            while (found := cache.get(entry_key(b"", f"turn {turn}", str(number)))) is not None:
                assert found.notes == f"turn {turn} {number}"
                assert set(found.row.tolist()) == {number % 2000}
                number += 1
            assert cache.trouble is None
    assert cache_status(tmp_path).entries > 0


def test_open_cache__a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises((OSError, sqlite3.Error)), open_cache(tmp_path / "file"):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def test_open_cache__a_folder_in_place_of_the_store(tmp_path):
    (tmp_path / FILE_NAME / "inner").mkdir(parents=True)
    with pytest.raises((OSError, sqlite3.Error)), open_cache(tmp_path):
        pass
    assert (tmp_path / FILE_NAME / "inner").is_dir()


def test_get__from_many_threads_and_after_closing(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    fill(tmp_path, range(50))
    with open_cache(tmp_path) as cache, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda number: cache.get(key_of(number)), range(50)))
    assert all(same(entry, entry_of(number)) for number, entry in enumerate(found))
    assert cache.get(key_of(0)) is None
    assert cache_status(tmp_path).entries == 50


def test_clear_cache__removes_everything_and_says_what_was_there(tmp_path):
    fill(tmp_path, range(5))
    before = clear_cache(tmp_path)
    assert (before.entries, before.folder) == (5, tmp_path)
    assert before.size > 0
    assert list(tmp_path.iterdir()) == []
    assert clear_cache(tmp_path).entries == 0


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("damage", [None, b"not a database at all" * 400, b""])
def test_cache_status__changes_nothing_whatever_it_finds(tmp_path, damage):
    fill(tmp_path, range(5))
    if damage is not None:
        (tmp_path / FILE_NAME).write_bytes(damage)
    before = contents(tmp_path)
    status = cache_status(tmp_path)
    assert status.entries == (5 if damage is None else None)
    assert contents(tmp_path) == before
    assert clear_cache(tmp_path) == status
    assert contents(tmp_path) == {}


def test_cache_status__counts_what_an_open_store_has_not_written_back(tmp_path):
    with open_cache(tmp_path) as cache:
        cache.put([(key_of(number), entry_of(number)) for number in range(7)])
        assert (tmp_path / f"{FILE_NAME}-wal").exists()
        assert cache_status(tmp_path).entries == 7


def test_cache_status__does_not_make_a_cache(tmp_path):
    assert cache_status(tmp_path / "none").entries == 0
    assert list(tmp_path.iterdir()) == []


def test_cache_folder__follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv(FOLDER_VARIABLE, "~/kept")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "kept"
    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform.startswith("linux"):
        assert cache_folder() == tmp_path / "xdg" / "tellapart"


def test_cache_folder__without_a_home_is_an_error_of_the_system(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(FOLDER_VARIABLE)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(OSError, match=FOLDER_VARIABLE):
        cache_folder()


@pytest.mark.parametrize(("value", "limit"), [("3", 3_000_000), ("", 5_000_000_000), ("-1", 5_000_000_000)])
def test_cache_limit__is_given_in_megabytes(monkeypatch, value, limit):
    monkeypatch.setenv(LIMIT_VARIABLE, value)
    assert cache_limit() == limit


def test_open_cache__many_at_the_same_moment(tmp_path):
    troubles = []

    def open_one(folder, start):
        start.wait(30)
        try:
            with open_cache(folder):
                pass
        except sqlite3.Error as error:
            troubles.append(error)

    for turn in range(200):
        start = threading.Barrier(6)
        openers = [threading.Thread(target=open_one, args=(tmp_path / str(turn), start)) for _ in range(6)]
        for opener in openers:
            opener.start()
        for opener in openers:
            opener.join(60)
    assert troubles == []
