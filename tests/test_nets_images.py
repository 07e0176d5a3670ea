import numpy as np
import pytest

from pictures import encode, make_pixels, write_splits_and_classes
from tellapart.data.augment import Augmentation
from tellapart.data.preprocess import Preprocess
from tellapart.data.scan import scan
from tellapart.nets import images as module
from tellapart.nets.images import (
    LabelledSquares,
    plain_batches,
    read_squares,
    steps_per_epoch,
    training_batches,
)

SHAKEN = Augmentation(rotation=30, width_shift=0.1, horizontal_flip=True)


@pytest.fixture
def data(tmp_path):
    root = write_splits_and_classes(tmp_path / "data", {"train": {"a": 3, "b": 2}, "valid": {"a": 1, "b": 1}})
    (root / "train" / "a" / "001.png").write_bytes(encode(make_pixels(1), "PNG")[:500])
    return scan(root)


def some(count, *, side=8):
    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
    return LabelledSquares(pixels=pixels, labels=np.arange(count))


def read(index, tmp_path):
    rows = [row for row, picture in enumerate(index.pictures) if picture.split == "train"]
    labels = np.array([index.classes.index(picture.label) for picture in index.pictures])
    return read_squares(index, labels, rows=rows, preprocess=Preprocess(size=16), file=tmp_path / "work" / "s.npy")


def test_read_squares__an_unreadable_picture_is_listed_and_the_others_stay_in_order(data, tmp_path):
    squares, skipped = read(data, tmp_path)
    assert [entry.path for entry in skipped] == ["train/a/001.png"]
    assert skipped[0].status == "skipped"
    readable = [
        picture
        for picture in data.pictures
        if (picture.split == "train" and "001" not in picture.path[-7:]) or picture.path == "train/b/001.png"
    ]
    expected = [Preprocess(size=16).apply(picture.file.read_bytes()).pixels for picture in readable]
    assert np.array_equal(squares.pixels, expected)
    assert squares.labels.tolist() == [0, 0, 1, 1]


def test_read_squares__beyond_the_bound_they_are_in_a_file(data, tmp_path, monkeypatch):
    in_memory, _ = read(data, tmp_path)
    assert not (tmp_path / "work").exists()
    monkeypatch.setattr(module, "IN_MEMORY", 100)
    mapped, _ = read(data, tmp_path)
    assert (tmp_path / "work" / "s.npy").is_file()
    assert isinstance(mapped.pixels.base, np.memmap) or isinstance(mapped.pixels, np.memmap)
    assert mapped.digest() == in_memory.digest()


def test_digest__changes_with_pixels_and_labels():
    squares = some(4)
    other = squares.pixels.copy()
    other[2, 0, 0, 0] ^= 1
    digests = {
        squares.digest(),
        LabelledSquares(pixels=other, labels=squares.labels).digest(),
        LabelledSquares(pixels=squares.pixels, labels=squares.labels[::-1]).digest(),
    }
    assert len(digests) == 3


def test_squares__a_label_for_each():
    with pytest.raises(ValueError, match="2 labels for 3 pictures"):
        LabelledSquares(pixels=np.zeros((3, 8, 8, 3), np.uint8), labels=np.zeros(2, np.int64))


def batches(squares, *, epoch=0, seed=0, augmentation=None):
    return list(training_batches(squares, batch=4, augmentation=augmentation, seed=seed, epoch=epoch))


def test_training_batches__every_picture_once_with_its_label():
    squares = some(9)
    found = batches(squares)
    assert [len(batch.labels) for batch in found] == [3, 3, 3]
    assert len(found) == steps_per_epoch(9, batch=4)
    labels = np.concatenate([batch.labels for batch in found])
    assert sorted(labels) == list(range(9))
    assert np.array_equal(np.concatenate([batch.inputs for batch in found]), squares.pixels[labels])


def test_training_batches__order_is_of_seed_and_epoch():
    orders = [
        tuple(np.concatenate([batch.labels for batch in batches(some(32), seed=seed, epoch=epoch)]))
        for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0))
    ]
    assert orders[0] == orders[1]
    assert len(set(orders)) == 3


def test_training_batches__nothing():
    assert batches(some(0)) == []


def test_training_batches__augmented_the_same_for_any_number_of_threads(monkeypatch):
    pytest.importorskip("cv2", reason="needs the extra: pip install 'tellapart[torch]'")
    squares = some(12)
    before = squares.pixels.copy()
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(module, "thread_count", lambda threads=threads: threads)
        found.append(np.concatenate([batch.inputs for batch in batches(squares, augmentation=SHAKEN)]))
    plain = np.concatenate([batch.inputs for batch in batches(squares)])
    assert np.array_equal(*found)
    assert not np.array_equal(found[0], plain)
    assert np.array_equal(squares.pixels, before)


def test_training_batches__an_error_in_a_thread_is_raised():
    squares = LabelledSquares(pixels=np.zeros((4, 8, 6, 3), np.uint8), labels=np.arange(4))
    with pytest.raises(ValueError, match="square"):
        batches(squares, augmentation=SHAKEN)


def test_plain_batches__in_order_and_as_they_are():
    squares = some(9)
    found = list(plain_batches(squares, batch=4))
    assert [len(batch.labels) for batch in found] == [4, 4, 1]
    assert np.array_equal(np.concatenate([batch.inputs for batch in found]), squares.pixels)
    assert found[0].inputs.flags.writeable
    assert list(plain_batches(some(0), batch=4)) == []
