"""Kept results: what is put in comes out; other inputs, other sources and damage are a miss; nothing stops a run."""

import json

import numpy as np
import pytest

from tellapart.features import kept
from tellapart.features.cache import cache_status
from tellapart.features.kept import LARGEST, Kept, result_key
from tellapart.files import FOLDER_VARIABLE

SOURCES = ("heads", "types.py")


def place(*inputs, what="sums", unpack=json.loads):
    key = result_key(what, inputs, sources=SOURCES)
    return Kept(key=key, pack=lambda result: json.dumps(result).encode(), unpack=unpack)


@pytest.mark.usefixtures("fresh_cache")
def test_kept__what_is_put_comes_out():
    assert place(b"a").get() is None
    assert place(b"a").put([1, 2]) == [1, 2]
    assert place(b"a").get() == [1, 2]
    assert place(b"b").get() is None
    assert cache_status().entries == 1


def test_result_key__differs_with_what_inputs_and_sources(monkeypatch):
    array = np.arange(6, dtype=np.float32)
    others = [
        ("sums", [b"", array]),
        ("heads", [array]),
        ("sums", [array.reshape(2, 3)]),
        ("sums", [array.view(np.int32)]),
        ("sums", [array[:5], array[5:]]),
        ("sums", [array.tobytes()]),
    ]
    keys = [result_key(what, inputs, sources=SOURCES) for what, inputs in [("sums", [array]), *others]]
    assert len(set(keys)) == len(keys)
    assert keys[0] == result_key("sums", [array.copy()], sources=SOURCES)
    assert keys[0] != result_key("sums", [array], sources=("heads",))
    monkeypatch.setattr(kept, "source_digest", lambda name: b"a line has changed")
    assert keys[0] != result_key("sums", [array], sources=SOURCES)


@pytest.mark.usefixtures("fresh_cache")
@pytest.mark.parametrize("fault", kept.BELIED)
def test_kept__what_cannot_be_unpacked_is_a_miss(fault):
    def unpack(packed):
        raise fault

    place(b"a").put([1])
    assert place(b"a", unpack=unpack).get() is None


@pytest.mark.usefixtures("fresh_cache")
def test_kept__nothing_and_too_much_are_not_kept():
    for packed in (b"", b"x" * (LARGEST + 1)):
        Kept(key=bytes(32), pack=lambda _, packed=packed: packed, unpack=bytes).put(1)
    assert cache_status().entries in {0, None}


def test_kept__a_cache_that_cannot_be_used_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file" / "cache"))
    assert place(b"a").put([1]) == [1]
    assert place(b"a").get() is None


def test_source_digest__a_changed_line_changes_it(tmp_path, monkeypatch):
    (tmp_path / "heads").mkdir()
    (tmp_path / "heads" / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(kept.tellapart, "__file__", str(tmp_path / "__init__.py"))
    before = kept.source_digest.__wrapped__("heads")
    (tmp_path / "heads" / "a.py").write_text("x = 2\n")
    assert kept.source_digest.__wrapped__("heads") != before
