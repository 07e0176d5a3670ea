"""Values that need no library to be read, and what becomes of the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tellapart.cli import plain_command
from tellapart.cli.main import app
from tellapart.cli.plain_command import NOT_PLAIN, plain
from tellapart.errors import DataError


@pytest.mark.parametrize(
    ("value", "kind", "several", "found"),
    [
        (None, str, False, None),
        (None, list[str], True, ()),
        ("a b", str, False, "a b"),
        ("images", Path, False, Path("images")),
        (("a", "b"), list[Path], True, [Path("a"), Path("b")]),
        (7, int, False, 7),
        (0.5, float, False, 0.5),
        ("7", int, False, NOT_PLAIN),
        ("yes", bool, False, NOT_PLAIN),
        (1, bool, False, NOT_PLAIN),
        (7, str, False, NOT_PLAIN),
        ("\udcff", Path, False, NOT_PLAIN),
        (("a", "7"), list[int], True, NOT_PLAIN),
        ("ab", list[str], True, NOT_PLAIN),
    ],
)
def test_plain(value, kind, several, found):
    assert plain(value, kind, several=several) == found


def test_plain__a_path_that_may_not_be_read_is_left_to_typer(tmp_path, monkeypatch):
    monkeypatch.setattr(plain_command.os, "access", lambda *_: False)
    assert plain(str(tmp_path), Path, several=False) is NOT_PLAIN
    assert plain(str(tmp_path / "new"), Path, several=False) == tmp_path / "new"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["predict", "m", "p", "--confidence", "much"], "--confidence"),
        (["train", "data", "--seed", "-1"], "--seed"),
        (["train"], "DATA"),
    ],
)
def test_plain_command__what_makes_no_sense_is_told_in_typers_words(words, told):
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert told in result.output


def test_plain_command__a_number_that_is_given_is_read(tmp_path):
    counts = ["--valid", "1", "--test", "1"]
    said = [
        CliRunner().invoke(app, ["split", str(tmp_path / "none"), str(tmp_path / "out"), "--train", given, *counts])
        for given in ("two", "2")
    ]
    assert said[0].exit_code == 2
    assert isinstance(said[1].exception, DataError)  # it got as far as the missing pictures
