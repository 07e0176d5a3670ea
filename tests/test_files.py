"""Files are written whole or not at all, and never over what is no file."""

import contextlib
import os
import socket

import pytest

from tellapart import files
from tellapart.errors import OutputError


def test_staged__a_device_is_never_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match="no regular file"):
        files.write_text(tmp_path / "pipe", "x")
    assert not (tmp_path / "pipe").is_file()


def test_staged__a_link_is_followed_where_that_is_asked_for(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    files.write_bytes(tmp_path / "link.txt", b"new", follow=True)
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


@pytest.mark.parametrize("target", ["real.txt", "/dev/null", "nowhere", "folder", "link.txt"])
def test_staged__a_link_is_replaced_and_what_it_leads_to_is_not_touched(tmp_path, target):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link.txt").symlink_to(target)
    files.write_text(tmp_path / "link.txt", "new")
    assert not (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "link.txt").read_text() == "new"
    assert (tmp_path / "real.txt").read_text() == "old"
    assert not (tmp_path / "nowhere").exists()
    assert list((tmp_path / "folder").iterdir()) == []


def test_staged__a_folder_that_is_a_link_is_the_users_way_to_a_place(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "runs").symlink_to(tmp_path / "disk")
    files.write_text(tmp_path / "runs" / "a.txt", "new")
    assert (tmp_path / "disk" / "a.txt").read_text() == "new"


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder", "sparse"])
def test_read_bounded__only_regular_files_of_a_bounded_size(tmp_path, kind):
    path = tmp_path / "it"
    with contextlib.ExitStack() as stack:
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            stack.enter_context(socket.socket(socket.AF_UNIX)).bind(str(path))
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "folder":
            path.mkdir()
        else:
            with path.open("wb") as file:
                file.truncate(10_000_000_000)
        with pytest.raises((OSError, ValueError)):
            files.read_bounded(path, limit=1_000_000)


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
