import gzip
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tellapart.data import idx
from tellapart.data.idx import read_idx
from tellapart.data.scan import scan
from tellapart.errors import DataError

MNIST = Path(__file__).parents[2] / "shared" / "data" / "mnist"


def to_idx(values):
    values = np.asarray(values, np.uint8)
    return bytes((0, 0, 8, values.ndim)) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def write_idx(folder, *, rows=12, compressed=True, names=("train", "t10k"), dot="-"):
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for name in names:
        for kind, values in (
            (f"images{dot}idx3", random.integers(0, 256, (rows, 5, 4))),
            (f"labels{dot}idx1", np.arange(rows) % 11),
        ):
            content = to_idx(values)
            path = folder / f"{name}-{kind}-ubyte{'.gz' if compressed else ''}"
            path.write_bytes(gzip.compress(content) if compressed else content)
    return folder


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("dot", ["-", "."])
def test_scan_idx__mnists_names(tmp_path, compressed, dot):
    index = scan(write_idx(tmp_path / "digits", compressed=compressed, dot=dot))
    assert (index.name, index.layout, len(index.pictures)) == ("digits", "idx", 24)
    assert index.classes == ("0", "1", "10", "2", "3", "4", "5", "6", "7", "8", "9")
    assert [picture.split for picture in index.pictures] == ["train"] * 12 + ["test"] * 12
    first = index.pictures[0]
    assert (first.path, first.label, first.row) == (f"{first.file.name}#0", "0", 0)
    assert index.arrays[first.file].shape == (12, 5, 4)


def test_scan_idx__plain_file_wins_over_its_gzipped_twin(tmp_path):
    write_idx(tmp_path, compressed=True)
    write_idx(tmp_path, compressed=False)
    index = scan(tmp_path)
    assert len(index.pictures) == 24
    assert {entry.path for entry in index.skipped} == {
        f"{name}-{kind}-ubyte.gz" for name in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
    }


def test_scan_idx__images_without_labels(tmp_path):
    write_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match="no labels for these pictures, t10k-labels-idx1-ubyte"):
        scan(tmp_path)


def test_scan_idx__numbers_that_do_not_fit(tmp_path):
    write_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(to_idx([1, 2, 3])))
    with pytest.raises(DataError, match="12 pictures but 3 labels"):
        scan(tmp_path)


def test_scan_idx__two_sets_for_one_split(tmp_path):
    write_idx(tmp_path, names=("letters-train", "digits-train"))
    with pytest.raises(DataError, match="two files with pictures for the split train"):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it starts with , not 00 00 08 03"),
        (b"\0\0\x0d\x03" + bytes(12), "it starts with 00 00 0d 03"),
        (to_idx([1, 2]), "it starts with 00 00 08 01"),
        (b"\0\0\x08\x03\0\0", "header is truncated"),
        (to_idx(np.ones((2, 3, 4)))[:-1], "23 bytes of pixels, the header promises 24"),
        (to_idx(np.ones((2, 3, 4))) + b"x", "more bytes of pixels, the header promises 24"),
        (b"\0\0\x08\x03" + struct.pack(">III", 0, 28, 28), "holds nothing"),
        (b"\0\0\x08\x03" + struct.pack(">III", 2**31, 2**31, 2**31), "more than"),
    ],
)
@pytest.mark.parametrize("compressed", [True, False])
def test_read_idx__wrong_content(tmp_path, content, message, compressed):
    path = tmp_path / ("x.gz" if compressed else "x")
    path.write_bytes(gzip.compress(content) if compressed else content)
    with pytest.raises(DataError, match=message):
        read_idx(path, dimensions=3)


def test_read_idx__sets_nothing_aside_for_a_short_file_that_promises_much(tmp_path):
    (tmp_path / "x").write_bytes(b"\0\0\x08\x03" + struct.pack(">III", 3, 4, 300_000_000) + bytes(97))
    tracemalloc.start()
    with pytest.raises(DataError, match="97 bytes of pixels, the header promises 3,600,000,000"):
        read_idx(tmp_path / "x", dimensions=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_read_idx__truncated_gzip_and_no_gzip(tmp_path):
    whole = gzip.compress(to_idx(np.random.default_rng(0).integers(0, 256, (20, 9, 9))))
    for content in (whole[: len(whole) // 2], b"no gzip at all"):
        (tmp_path / "x.gz").write_bytes(content)
        with pytest.raises(DataError, match="cannot read the IDX file"):
            read_idx(tmp_path / "x.gz", dimensions=3)


def test_read_idx__never_unpacks_more_than_promised(tmp_path, monkeypatch):
    (tmp_path / "x.gz").write_bytes(gzip.compress(to_idx(np.ones((1, 2, 2))) + bytes(50_000_000)))
    unpacked = []
    read = gzip.GzipFile.read
    monkeypatch.setattr(gzip.GzipFile, "read", lambda file, size=-1: unpacked.append(read(file, size)) or unpacked[-1])
    with pytest.raises(DataError, match="more bytes"):
        read_idx(tmp_path / "x.gz", dimensions=3)
    assert sum(map(len, unpacked)) == 16 + 5


def test_read_idx__cap(tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "LARGEST", 23)
    (tmp_path / "x").write_bytes(to_idx(np.ones((2, 3, 4))))
    with pytest.raises(DataError, match="2 x 3 x 4 values, more than 23"):
        read_idx(tmp_path / "x", dimensions=3)


@given(place=st.integers(0, 200), value=st.integers(0, 255), end=st.integers(0, 200), compressed=st.booleans())
@settings(
    max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_read_idx__mutated_bytes(tmp_path, place, value, end, compressed):
    content = bytearray(to_idx(np.random.default_rng(0).integers(0, 256, (3, 6, 6))))
    content = bytearray(gzip.compress(bytes(content))) if compressed else content
    content[place % len(content)] = value
    path = tmp_path / ("x.gz" if compressed else "x")
    path.write_bytes(bytes(content[: end or None]))
    try:
        assert read_idx(path, dimensions=3).size == 108
    except DataError as error:
        assert "\n" not in str(error)  # noqa: PT017  (either outcome is right)


@pytest.mark.skipif(not MNIST.is_dir(), reason="MNIST is not here")
def test_scan_idx__real_mnist():
    index = scan(MNIST)
    assert len(index.pictures) == 70_000
    assert [str(digit) for digit in range(10)] == list(index.classes)
    assert round(float(np.mean(index.arrays[index.pictures[0].file])), 2) == 33.32  # the known mean of the train pixels
