"""Progress reaches whoever reads it, and stops nothing where nobody does."""

import io
import os

import pytest

from tellapart.progress import Bars, Lines, Silent, Unminded, listener, say


def report_work(progress):
    progress.start("Looking at pictures", total=3, unit="pictures")
    progress.advance(2)
    progress.note("a note")
    progress.advance()
    progress.finish()


def test_lines__say_when_a_stage_starts_and_ends(capsys):
    report_work(Lines())
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Looking at pictures: 3 pictures"
    assert lines[1] == "a note"
    assert lines[2].startswith("Looking at pictures: 3 pictures in ")


class Broken(io.StringIO):
    """A stream nobody reads."""

    def write(self, text):
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [None, Broken()], ids=["closed", "broken"])
@pytest.mark.parametrize("progress", [Lines, Bars, Silent])
def test_progress__that_nobody_reads_is_dropped(monkeypatch, capsys, stream, progress):
    monkeypatch.setattr("sys.stderr", stream)
    report_work(progress())
    say("a line")
    assert isinstance(listener(), Lines)
    assert capsys.readouterr().out == ""  # print would say it there


def test_unminded__a_broken_pipe_is_dropped_with_what_was_held_back():
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        unminded = Unminded(stream)
        assert unminded.write("lost") == 4
        assert unminded.write("lost too") == 8
        stream.flush()  # as Python does when it ends
