"""One inference loop: rows match their pictures, cold equals warm, and an interrupt costs little."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from pictures import encode, make_pixels, write_classes, write_picture
from tellapart.backbones.backbone import Backbone
from tellapart.backbones.catalogue import load_backbone
from tellapart.backbones.engine import Engine
from tellapart.backbones.onnx_writer import Writer
from tellapart.data import decode
from tellapart.data.preprocess import Preprocess
from tellapart.data.scan import index_of_paths, scan
from tellapart.data.thumbnail import SIDE
from tellapart.errors import UsageError
from tellapart.features.cache import Entry, entry_key, open_cache
from tellapart.features.content import handfuls
from tellapart.features.embed import (
    compact_rows,
    embed_pictures,
)
from tellapart.progress import Silent

BROKEN = (0, 3, 4, 11)


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("lite0", size=64)


@pytest.fixture(scope="module")
def engine(backbone):
    return Engine(backbone, precision="f32")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Twelve pictures of which some cannot be read, one is converted and two are the same bytes."""
    root = tmp_path_factory.mktemp("mixed")
    paths = [write_picture(root / f"{number:02d}.png", seed=number, kind=number % 3) for number in range(12)]
    for place, content in zip(BROKEN, (b"", b"\x89PNG\r\n\x1a\n", b"text", paths[11].read_bytes()[:500]), strict=True):
        paths[place].write_bytes(content)
    paths[5].write_bytes(encode(make_pixels(5)[:, :, [0, 1, 2, 0]], "PNG"))
    paths[7].write_bytes(paths[6].read_bytes())
    return paths


class Interrupting(Silent):
    """A listener that interrupts the work once so many pictures are done."""

    def __init__(self, after):
        self.left = after

    def advance(self, steps=1):
        self.left -= steps
        if self.left <= 0:
            raise KeyboardInterrupt


class Counting(Silent):
    def __init__(self):
        self.total = self.done = self.ended = 0

    def start(self, stage, *, total, unit):
        self.total = total

    def advance(self, steps=1):
        self.done += steps

    def finish(self):
        self.ended += 1


def test_embed__rows_are_those_of_their_pictures_where_some_cannot_be_read(mixed, backbone, engine):
    embedded = embed_pictures(index_of_paths(mixed), backbone, engine=engine)
    readable = [path for place, path in enumerate(mixed) if place not in BROKEN]
    assert [picture.file for picture in embedded.index.pictures] == readable
    assert embedded.features.shape == (len(readable), backbone.width)
    for row, path in zip(embedded.features, readable, strict=True):
        pixels = backbone.preprocess.apply(path.read_bytes()).pixels
        np.testing.assert_array_equal(row, engine.run(pixels[None])[0].astype(np.float16).astype(np.float32))
    assert embedded.digests[4] == embedded.digests[3]
    assert len(set(embedded.digests)) == len(readable) - 1


def test_embed__the_ledger_has_every_picture_in_order(mixed, backbone, engine):
    embedded = embed_pictures(index_of_paths(mixed), backbone, engine=engine)
    assert [entry.path for entry in embedded.ledger] == [str(path) for path in mixed]
    statuses = {place: entry.status for place, entry in enumerate(embedded.ledger)}
    assert statuses == dict.fromkeys(BROKEN, "skipped") | {
        place: "converted" if place == 5 else "used" for place in range(12) if place not in BROKEN
    }
    assert all(entry.reason for entry in embedded.ledger if entry.status != "used")


def test_embed__cold_and_warm_are_the_same_to_the_bit(mixed, backbone, engine, tmp_path):
    index, runs = index_of_paths(mixed), []
    for _ in range(2):
        with open_cache(tmp_path) as cache:
            runs.append(embed_pictures(index, backbone, cache=cache, engine=engine))
    bare = embed_pictures(index, backbone, engine=engine)
    cold, warm = runs
    assert cold.features.tobytes() == warm.features.tobytes() == bare.features.tobytes()
    assert cold.ledger == warm.ledger == bare.ledger
    assert cold.digests == warm.digests
    assert (cold.fresh, warm.fresh, bare.fresh) == (8, 0, 8)


def test_embed__another_size_or_precision_is_another_entry(mixed, backbone, engine, tmp_path):
    index = index_of_paths(mixed)
    other = load_backbone("lite0", size=72)
    with open_cache(tmp_path) as cache:
        embed_pictures(index, backbone, cache=cache, engine=engine)
        assert embed_pictures(index, other, cache=cache, engine=Engine(other, precision="f32")).fresh == 8
        assert embed_pictures(index, backbone, cache=cache, engine=engine).fresh == 0


def test_embed__only_what_is_new_is_looked_at(mixed, backbone, engine, tmp_path):
    with open_cache(tmp_path) as cache:
        assert embed_pictures(index_of_paths(mixed[:7]), backbone, cache=cache, engine=engine).fresh == 4
        assert (
            embed_pictures(index_of_paths(mixed), backbone, cache=cache, engine=engine).fresh == 3
        )  # 7 has the bytes of 6


def test_embed__progress_counts_every_picture(mixed, backbone, engine):
    progress = Counting()
    embed_pictures(index_of_paths(mixed), backbone, engine=engine, progress=progress)
    assert (progress.total, progress.done, progress.ended) == (12, 12, 1)


def test_embed__no_readable_picture(tmp_path, backbone):
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    embedded = embed_pictures(index_of_paths([path]), backbone)
    assert embedded.features.shape == (0, backbone.width)
    assert [entry.reason for entry in embedded.ledger] == ["empty file"]


@pytest.mark.parametrize("after", [1, 9, 30])
def test_embed__an_interrupt_keeps_what_was_seen(tmp_path, backbone, engine, after):
    index = scan(write_classes(tmp_path / "data", {"a": 20, "b": 20}))
    with open_cache(tmp_path / "cache") as cache:
        with pytest.raises(KeyboardInterrupt):
            embed_pictures(index, backbone, cache=cache, engine=engine, progress=Interrupting(after))
        assert cache.trouble is None
    with open_cache(tmp_path / "cache") as cache:
        again = embed_pictures(index, backbone, cache=cache, engine=engine)
    assert again.fresh <= 40 - after
    assert again.features.tobytes() == embed_pictures(index, backbone, engine=engine).features.tobytes()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ahead")]


@given(st.integers(0, 30), st.data())
def test_compact_rows__keeps_the_rows_in_order_without_a_copy(count, data):
    rows = sorted(data.draw(st.sets(st.integers(0, count - 1)))) if count else []
    matrix = np.arange(count * 2, dtype=np.float32).reshape(count, 2)
    expected = matrix[rows]
    compacted = compact_rows(matrix, rows)
    np.testing.assert_array_equal(compacted, expected)
    assert np.shares_memory(compacted, matrix) or not rows


def test_embed__keeps_a_miniature_beside_the_features(backbone, engine, mixed, tmp_path):
    index = index_of_paths(mixed)
    with open_cache(tmp_path / "cache") as cache:
        cold = embed_pictures(index, backbone, cache=cache, engine=engine)
        warm = embed_pictures(index, backbone, cache=cache, engine=engine)
    assert warm.fresh == 0
    assert cold.miniatures.shape == (len(mixed) - len(BROKEN), SIDE, SIDE, 3)
    assert warm.miniatures.tobytes() == cold.miniatures.tobytes()
    assert warm.pixel_digests == cold.pixel_digests
    names = [picture.file.name for picture in warm.index.pictures]
    copies = names.index("06.png"), names.index("07.png")
    assert len(set(warm.pixel_digests)) == len(names) - 1
    assert warm.pixel_digests[copies[0]] == warm.pixel_digests[copies[1]]
    average = warm.miniatures[copies[0]].mean(axis=(0, 1))
    np.testing.assert_allclose(average, make_pixels(6, kind=0).mean(axis=(0, 1)), atol=2)


def test_embed__an_entry_of_an_earlier_version_is_made_again(backbone, engine, tmp_path):
    index = index_of_paths([write_picture(tmp_path / "a.png")])
    with open_cache(tmp_path / "cache") as cache:
        expected = embed_pictures(index, backbone, cache=cache, engine=engine)
        cache._connection.execute("delete from entry")
        digest, parts = expected.digests[0], (backbone.digest, "f32", backbone.preprocess.key, "plain")
        row = expected.features[0].astype(np.float16)
        cache.put([(entry_key(digest, *parts), Entry(row=row, notes=""))])
        again = embed_pictures(index, backbone, cache=cache, engine=engine)
        assert again.fresh == 1
        assert again.miniatures.tobytes() == expected.miniatures.tobytes()
        assert embed_pictures(index, backbone, cache=cache, engine=engine).fresh == 0


def test_without_miniatures__lets_go_of_all_of_them(mixed, backbone, engine):
    embedded = embed_pictures(index_of_paths(mixed), backbone, engine=engine)
    smaller = embedded.without_miniatures()
    assert len(embedded.miniatures)
    assert smaller.miniatures.shape == (0, *embedded.miniatures.shape[1:])
    assert smaller.miniatures.base is None


def test_take__rows_of_everything_and_the_old_one_stays_as_it_is(mixed, backbone, engine):
    embedded = embed_pictures(index_of_paths(mixed), backbone, engine=engine)
    before, order = embedded.features.copy(), [2, 0, 3]
    taken = embedded.take(order)
    np.testing.assert_array_equal(embedded.features, before)
    np.testing.assert_array_equal(taken.features, before[order])
    np.testing.assert_array_equal(taken.miniatures, embedded.miniatures[order])
    assert taken.index.pictures == tuple(embedded.index.pictures[row] for row in order)
    assert taken.digests == tuple(embedded.digests[row] for row in order)
    assert taken.pixel_digests == tuple(embedded.pixel_digests[row] for row in order)


def test_embed__boxes_of_one_jpeg_are_decoded_once_and_are_as_alone(tmp_path, backbone, engine, monkeypatch):
    for name in "ab":
        write_picture(tmp_path / f"{name}.jpg", seed=ord(name), width=300, height=200)
    boxes = [f"{name}.jpg,{left},10,{left + 100},{bottom}" for left, bottom in ((5, 90), (50, 150)) for name in "ab"]
    (tmp_path / "boxes.csv").write_text("\n".join(["path,xmin,ymin,xmax,ymax", *boxes]))
    index = index_of_paths([tmp_path / "boxes.csv"])
    assert [picture.file.name for picture in index.pictures] == ["a.jpg", "b.jpg", "a.jpg", "b.jpg"]
    assert list(handfuls(index, size=3)) == [[0, 2, 1], [3]]
    decoded, decode_jpeg = [], decode.simplejpeg.decode_jpeg
    monkeypatch.setattr(
        decode.simplejpeg, "decode_jpeg", lambda *given, **more: decoded.append(1) or decode_jpeg(*given, **more)
    )
    together = embed_pictures(index, backbone, engine=engine)
    assert len(decoded) == 2
    for row, picture in enumerate(index.pictures):
        alone = embed_pictures(replace(index, pictures=(picture,)), backbone, engine=engine)
        np.testing.assert_array_equal(alone.features[0], together.features[row])
        assert alone.digests[0] == together.digests[row]


def test_embed__features_beyond_float16_are_an_error_and_are_not_kept(tmp_path, fresh_cache):
    writer = Writer()
    writer.add("Cast", to=TensorProto.FLOAT)
    writer.add("Mul", np.array(1e6, np.float32))
    writer.add("ReduceMean", np.array([1, 2], np.int64), keepdims=0)
    graph = writer.graph(size=16, width=3, output="pooled_last")
    base = Backbone(
        name="loud", graph=graph, preprocess=Preprocess(size=16), widths={"last": 3}, outputs=("pooled_last",)
    )
    index = index_of_paths([write_picture(tmp_path / "picture.png")])
    for _ in range(2):
        with open_cache() as cache, pytest.raises(UsageError, match="beyond float16: loud"):
            embed_pictures(index, base, cache=cache)
