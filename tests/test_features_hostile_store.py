"""A store of features from elsewhere: nothing in it is run, and it is begun anew."""

import contextlib
import os
import sqlite3
import stat
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
