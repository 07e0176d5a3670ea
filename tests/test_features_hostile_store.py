"""A store of features from elsewhere: nothing in it is run, and it is begun anew."""

import contextlib
import os
import sqlite3
import stat
import struct
import time

import pytest

from tellapart.errors import UsageError
from tellapart.features.cache import FILE_NAME, LIMIT_VARIABLE, TABLE, cache_limit, cache_status, open_cache
from test_features_cache import entry_of, fill, key_of, same

ENDLESS = "with recursive n(x) as (values(1) union all select x + 1 from n) select x from n"
HOSTILE = {
    "a view that does not end": [
        f"create view entry(key, used, notes, row, digest) as select x, x, x, x, x from ({ENDLESS})"
    ],
    "a view beside the table": [TABLE, f"create view other as {ENDLESS}"],
    "a trigger that does not end": [
        TABLE,
        f"create trigger t after insert on entry begin insert into entry select x, 0, '', '', '' from ({ENDLESS}); end",
    ],
    "a trigger on what was used": [TABLE, "create trigger t before update on entry begin delete from entry; end"],
    "a table with a default": [TABLE.replace("used integer", "used integer default (randomblob(1000000000))")],
    "a table with a generated column": [
        TABLE.replace("key blob primary key", "key blob primary key, big blob as (zeroblob(1000000000))")
    ],
    "a table with a check": [TABLE.replace("row blob not null", "row blob check (length(zeroblob(1000000000)))")],
    "an index on an expression": [TABLE, "create index i on entry(length(row || zeroblob(1000000)))"],
    "another table": ["create table other (x)"],
    "three thousand tables": [f"create table t{number} (x)" for number in range(3_000)],
    "a virtual table": [TABLE, "create virtual table v using fts5(x)"],
}


@pytest.fixture(params=HOSTILE)
def store(request, tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as made, made:
        made.execute("begin")  # one transaction, not one for each table
        for statement in HOSTILE[request.param]:
            try:
                made.execute(statement)
            except sqlite3.OperationalError as error:
                pytest.skip(f"this SQLite cannot make it: {error}")
    return tmp_path


def test_open_cache__a_store_with_other_tables_is_begun_anew(store):
    started = time.process_time()
    assert cache_status(store).entries is None
    with open_cache(store) as cache:
        assert cache.get(key_of(0)) is None
        cache.put([(key_of(0), entry_of(0))])
        assert same(cache.get(key_of(0)), entry_of(0))
    assert cache_status(store).entries == 1
    assert time.process_time() - started < 3


def test_cache_show__and_clear_end_at_once(store, monkeypatch, tellapart):
    monkeypatch.setenv("TELLAPART_CACHE", str(store))
    for command in ("show", "clear"):
        outcome = tellapart("cache", command)
        assert outcome.code == 0, outcome.err
        assert "damaged store" in outcome.out or "damaged" in outcome.out


def test_open_cache__a_value_beyond_all_bounds_is_a_miss(tmp_path):
    fill(tmp_path, range(2))
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as made, made:
        made.execute("begin")  # one transaction, not one for each table
        made.execute("update entry set row = zeroblob(50000000) where key = ?", (key_of(0),))
    with open_cache(tmp_path) as cache:
        assert cache.get(key_of(0)) is None
        assert same(cache.get(key_of(1)), entry_of(1))


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_open_cache__writes_through_no_link(tmp_path, suffix):
    victim = tmp_path / "victim"
    victim.touch()
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / f"{FILE_NAME}{suffix}").symlink_to(victim)
    with open_cache(folder) as cache:
        cache.put([(key_of(0), entry_of(0))])
        assert cache.trouble is None
    assert victim.read_bytes() == b""


def test_open_cache__what_is_made_is_for_the_user_alone(tmp_path):
    before = os.umask(0)
    try:
        with open_cache(tmp_path / "deep" / "cache") as cache:
            cache.put([(key_of(0), entry_of(0))])
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").rglob("*")}
    finally:
        os.umask(before)
    assert modes == {
        "cache": 0o700,
        **{f"{FILE_NAME}{suffix}": 0o600 for suffix in ("", "-wal", "-shm")},
    }
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700


@pytest.mark.parametrize("value", ["9" * 5000, "much", "1e3", "1.5", "3 GB", "0x10", "٣", "\x1b[31m", "--1", "1" * 10])
def test_cache_limit__junk_is_one_clear_line(monkeypatch, tellapart, tmp_path, value):
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    monkeypatch.setenv(LIMIT_VARIABLE, value)
    with pytest.raises(UsageError, match="whole number of megabytes"):
        cache_limit()
    outcome = tellapart("cache", "show")
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert len(outcome.err) < 300
    assert outcome.err.strip().isprintable()


def test_train__says_that_the_limit_is_junk(photos, monkeypatch, tellapart, tmp_path):
    monkeypatch.setenv(LIMIT_VARIABLE, "9" * 5000)
    outcome = tellapart("train", photos, "-o", tmp_path / "run")
    assert outcome.code == 2
    assert LIMIT_VARIABLE in outcome.err


def test_open_cache__a_journal_that_names_another_file_removes_nothing(tmp_path):
    """SQLite removes the file that the end of a journal names, once it has gone back by the journal."""
    victim = tmp_path / "thesis.txt"
    victim.write_text("years of work")
    fill(tmp_path / "cache", range(3))
    store = tmp_path / "cache" / FILE_NAME
    page, magic = store.read_bytes()[:4096], bytes.fromhex("d9d505f920a163d7")
    pages, name = store.stat().st_size // 4096, os.fsencode(victim)
    head = (magic + struct.pack(">5I", 1, 0, pages, 512, 4096)).ljust(512, b"\0")
    row = struct.pack(">I", 1) + page + struct.pack(">I", sum(page[place] for place in range(3896, 0, -200)))
    end = struct.pack(">I", 0x40000000 // 4096 + 1) + name + struct.pack(">II", len(name), sum(name)) + magic
    store.with_name(f"{FILE_NAME}-journal").write_bytes(head + row + end)
    with open_cache(store.parent) as cache:
        assert cache.trouble is None
    assert victim.read_text() == "years of work"


def test_cache_show__pages_that_lead_to_the_same_pages_again_and_again(tmp_path, monkeypatch):
    """An index of 36 kB that takes some hundred million million steps to go through."""
    monkeypatch.setattr("tellapart.features.cache.PATIENCE", 0.2)
    pages_again_and_again(tmp_path / FILE_NAME)
    assert cache_status(tmp_path).entries is None
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    with open_cache(tmp_path) as cache:
        cache.put([(key_of(1), entry_of(1))])
        assert cache.trouble is not None
    assert not (tmp_path / FILE_NAME).exists()


def pages_again_and_again(path):
    with contextlib.closing(sqlite3.connect(path)) as made, made:
        made.execute("pragma page_size = 4096")
        made.execute(TABLE)
    content = path.read_bytes()
    first, levels = len(content) // 4096 + 1, 6
    inner = [index_page(2, child=first + level + 1, count=300) for level in range(levels - 1)]
    content = content[: 2 * 4096] + index_page(2, child=first, count=300) + content[3 * 4096 :]
    content += b"".join([*inner, index_page(10, child=None, count=50)])
    path.write_bytes(content[:28] + struct.pack(">I", len(content) // 4096) + content[32:])


def index_page(kind, *, child, count):
    """A page of an index with so many keys "a", each to the right of the same page."""
    cell = (b"" if child is None else struct.pack(">I", child)) + bytes([5, 3, 14, 1]) + b"a\7"
    head = 8 if child is None else 12
    places = range(4096 - len(cell), 4096 - len(cell) * (count + 1), -len(cell))
    page = struct.pack(">BHHHB", kind, 0, count, places[-1], 0)
    page += (b"" if child is None else struct.pack(">I", child)) + struct.pack(f">{count}H", *places)
    assert len(page) == head + 2 * count
    return page.ljust(places[-1], b"\0") + cell * count
