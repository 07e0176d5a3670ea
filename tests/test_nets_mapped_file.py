import errno
import os

import numpy as np
import pytest

from tellapart.errors import OutputError
from tellapart.nets.mapped_file import reserved_array

SHAPE = (3, 1_000_000)


def write(path):
    return reserved_array(path, shape=SHAPE, dtype=np.uint8)


def refuse(number):
    def posix_fallocate(_file, _offset, _length):
        raise OSError(number, os.strerror(number))

    return posix_fallocate


def check(path, array):
    assert path.stat().st_blocks * 512 >= np.prod(SHAPE)
    array[1] = 7
    array.flush()
    read = np.load(path)
    assert read.shape == SHAPE
    assert (read == np.array([[0], [7], [0]])).all()


def test_reserved_array__takes_its_space_at_once(tmp_path):
    check(tmp_path / "new" / "a.npy", write(tmp_path / "new" / "a.npy"))


@pytest.mark.parametrize("supported", [True, False])
def test_reserved_array__where_space_cannot_be_reserved_zeros_are_written(supported, tmp_path, monkeypatch):
    if supported:
        monkeypatch.setattr(os, "posix_fallocate", refuse(errno.EOPNOTSUPP), raising=False)
    else:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    check(tmp_path / "a.npy", write(tmp_path / "a.npy"))


def test_reserved_array__a_full_disk_is_an_error_that_leaves_nothing(tmp_path, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(os, "posix_fallocate", refuse(errno.ENOSPC), raising=False)
        with pytest.raises(OutputError, match="no space left") as raised:
            write(tmp_path / "a.npy")
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []
    check(tmp_path / "a.npy", write(tmp_path / "a.npy"))
