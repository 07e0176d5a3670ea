"""Files are written whole or not at all, and never over what is no file."""

import os

import pytest

from tellapart import files
from tellapart.errors import OutputError


def test_staged__a_device_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="no regular file"):
        files.write_text(tmp_path / "pipe", "x")
    assert not (tmp_path / "pipe").is_file()


def test_staged__a_link_is_followed(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    files.write_text(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_staged__a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a.txt").write_text("old")

    def die_half_way():
        with files.staged(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        die_half_way()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_read_bounded__refuses_what_is_larger(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert files.read_bounded(tmp_path / "a", limit=5) == b"12345"
    with pytest.raises(ValueError, match="larger than 4"):
        files.read_bounded(tmp_path / "a", limit=4)


def test_csv_text__quotes_what_would_break_a_row():
    assert files.csv_text(["a", "b"], [["x,y", "p\rq"]]) == 'a,b\n"x,y","p\rq"\n'
