"""Progress reaches whoever reads it, and stops nothing where nobody does."""

import contextlib
import io
import os
import re
import sys
import types

import pytest

from tellapart.progress import Bars, Lines, Once, PartOfStage, Silent, Unminded, in_notebook, in_stage, listener, say


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


def test_lines__steps_that_belong_to_no_stage_are_no_steps():
    said = []
    lines = Lines(said.append, between=0.0)
    lines.advance()
    lines.start("Comparing pictures", total=2, unit="pairs")
    lines.advance(0)  # no rate yet
    lines.finish()
    lines.advance(2)
    assert [line.split(" in ")[0] for line in said] == [
        "Comparing pictures: 2 pairs",
        "Comparing pictures: 0 pairs (ended early)",
    ]


def test_lines__a_stage_that_an_error_ends_is_broken_off():
    said = []
    lines = Lines(said.append)
    lines.start("Looking at pictures", total=2, unit="pictures")
    with contextlib.suppress(OSError), contextlib.closing(types.SimpleNamespace(close=lines.finish)):
        raise OSError
    assert said[-1].startswith("Looking at pictures: 0 pictures (broken off) in ")


def test_lines__a_stage_whose_listener_had_enough_ended_early():
    def explained(lines):
        with in_stage(lines, "Explaining pictures", total=2, unit="pictures"):
            yield 1
            yield 2

    said = []
    listened = explained(Lines(said.append))
    next(listened)
    listened.close()
    assert said[-1].startswith("Explaining pictures: 0 pictures (ended early) in ")


def test_once__passes_on_everything_but_a_note_that_was_passed_on(capsys):
    once = Once(Lines())
    report_work(once)
    report_work(once)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" in ")[0] for line in lines] == [
        "Looking at pictures: 3 pictures",
        "a note",
        "Looking at pictures: 3 pictures",
        "Looking at pictures: 3 pictures",
        "Looking at pictures: 3 pictures",
    ]


def test_part_of_stage__passes_on_a_note_once_and_so_many_steps_and_no_stage(capsys):
    whole = Lines()
    whole.start("All", total=4, unit="pictures")
    part = PartOfStage(whole, steps=4)
    report_work(part)
    report_work(part)
    whole.finish()
    first, note, last = capsys.readouterr().err.splitlines()
    assert (first, note) == ("All: 4 pictures", "a note")
    assert last.startswith("All: 4 pictures in ")


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


class FakeDisplay:
    """What IPython.display.display gives back, and what it was told."""

    def __init__(self, lines):
        self.lines = lines

    def update(self, data, *, raw):
        assert raw
        self.lines.append(data["text/plain"])


@pytest.fixture
def notebook(monkeypatch):
    """A kernel of a notebook, as far as progress can see; the lines it was given, and how many places they have."""
    lines, places = [], []

    def display(data, *, raw, display_id):
        assert raw
        assert display_id is True
        places.append(len(places))
        lines.append(data["text/plain"])
        return FakeDisplay(lines)

    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    shows = types.ModuleType("IPython.display")
    shows.display = display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", shows)
    return lines, places


def test_listener__what_a_cell_starts_in_a_terminal_gets_lines(monkeypatch):
    monkeypatch.setattr(Unminded, "isatty", lambda _: True)
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    assert isinstance(listener(), Bars)
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert isinstance(listener(), Lines)


def test_bars__no_line_of_a_note_ends_between_a_number_and_its_unit(monkeypatch):
    note = "Epoch 1 of 30: train loss 0.693, accuracy 51.3 %; valid loss 0.690, accuracy 56.0 %, in 12 s"
    for columns in range(20, 60):
        stream = io.StringIO()
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("COLUMNS", str(columns))
        bars = Bars()
        bars.start("Training", total=1, unit="steps")
        stream.seek(0)
        stream.truncate()
        bars.note(note)
        written = stream.getvalue()
        bars.finish()
        assert " ".join(written.split()) == note
        assert not re.search(r"\d\s*\n\s*(%|s\b)", written), written


def test_bars__a_terminal_without_columns_drops_notes_without_harm(monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setenv("COLUMNS", "0")
    bars = Bars()
    bars.start("Training", total=1, unit="steps")
    bars.note("Epoch 1 of 30: 51.3 %")
    bars.finish()


def test_listener__in_a_notebook_one_line_changes(notebook, capsys):
    lines, places = notebook
    progress = listener()
    report_work(progress)
    report_work(progress)
    assert places == [0]
    assert len(lines) == 4
    assert lines[0] == "Looking at pictures: 3 pictures"
    assert lines[-1].startswith("Looking at pictures: 3 pictures in ")
    assert capsys.readouterr().err == "a note\na note\n"


def test_listener__ipython_without_a_kernel_is_no_notebook(notebook, monkeypatch):
    assert in_notebook()
    for shell in (None, types.SimpleNamespace()):
        monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda shell=shell: shell)
        assert not in_notebook()
        assert isinstance(listener(), Lines)
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()
    assert "IPython" not in sys.modules


def test_lines__do_not_flood(capsys):
    progress = Lines()
    progress.start("Looking at pictures", total=5000, unit="pictures")
    for _ in range(5000):
        progress.advance()
    progress.finish()
    assert len(capsys.readouterr().err.splitlines()) <= 3
