"""predict --into: a folder a class, nothing moved, nothing written over, and the same again changes nothing."""

import csv
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pictures import encode, write_classes
from tellapart.answers import Answers
from tellapart.commands import sort_into as module
from tellapart.commands.folder_names import DEVICES, FORBIDDEN, LONGEST, class_folders, safe_name
from tellapart.commands.predict import predict
from tellapart.commands.sort_into import MARK, TABLE, sort_into
from tellapart.errors import OutputError
from tellapart.files import STAGED_PREFIX
from tellapart.heads.abstention import Flags
from tellapart.types import LedgerEntry, Picture


@pytest.fixture
def inbox(trained, tmp_path):
    """Nine pictures in two folders with the same names, a truncated one, and a black one."""
    for side, first in (("left", 0), ("right", 3)):
        for number, (kind, source) in enumerate((("cat", first), ("dog", first + 1), ("owl", first + 4))):
            target = tmp_path / "inbox" / side / f"{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(trained.data / kind / f"{source:03d}.png", target)
    shutil.copyfile(trained.data / "dog" / "017.png", tmp_path / "inbox" / "cut.png")
    (tmp_path / "inbox" / "black.png").write_bytes(encode(np.zeros((40, 40, 3), np.uint8), "PNG"))
    return tmp_path / "inbox"


def snapshot(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def table(folder):
    with (folder / TABLE).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def made_up(folder, classes, shares, **marks):
    """Answers about made-up files, in the order of the classes."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for number in range(len(shares)):
        (folder / f"{number}.png").write_bytes(f"picture {number}".encode())
        pictures.append(Picture(path=str(folder / f"{number}.png"), file=folder / f"{number}.png"))
    ledger = tuple(LedgerEntry(path=picture.path, status="used") for picture in pictures)
    flags = Flags(**{name: marks[name] for name in ("unsure", "unlike") if name in marks})
    given = {"classes": tuple(classes), "pictures": tuple(pictures), "ledger": ledger, "flags": flags}
    return Answers(probabilities=np.array(shares, float), empty=marks.get("empty"), **given)


def test_predict__into_copies_each_picture_below_its_class(trained, inbox, tmp_path, tellapart):
    before, out = snapshot(inbox), tmp_path / "sorted"
    outcome = tellapart("predict", trained.model, inbox, "--into", out)
    assert outcome.code == 0, outcome.err
    assert "cut.png (truncated)" in outcome.err
    assert outcome.out.splitlines()[-1] == f"written to {out}"
    assert snapshot(inbox) == before
    rows = table(out)
    assert [row["path"] for row in rows] == [entry.path for entry in predict(trained.model, [inbox]).ledger]
    for row in rows:
        if row["error"]:
            assert row["file"] == ""
            continue
        folder = f"{'unsure/' if row['unsure'] == 'yes' else ''}{row['predicted']}"
        folder = f"unlike/{row['predicted']}" if row["unlike"] == "yes" else folder
        folder = "empty" if row["empty"] == "yes" else folder
        assert Path(row["file"]).parent.as_posix() == folder
        assert (out / row["file"]).read_bytes() == Path(row["path"]).read_bytes()
    files = [row["file"] for row in rows if row["file"]]
    assert sorted({*files, TABLE, MARK}) == sorted(snapshot(out))
    assert "empty/black.png" in files
    assert len(set(files)) == 7


def test_predict__into_again_changes_nothing_and_more_is_added(trained, inbox, tmp_path, tellapart):
    out = tmp_path / "sorted"
    assert tellapart("predict", trained.model, inbox / "left", "--into", out).code == 0
    first = snapshot(out)
    assert tellapart("predict", trained.model, inbox / "left", "--into", out).code == 0
    assert snapshot(out) == first
    assert tellapart("predict", trained.model, inbox / "right", inbox / "cut.png", "--into", out).code == 0
    assert tellapart("predict", trained.model, inbox / "cut.png", inbox / "black.png", "--into", out).code == 0
    both, files = snapshot(out), [row["file"] for row in table(out)]
    assert {name: both[name] for name in first if name != TABLE} == {n: c for n, c in first.items() if n != TABLE}
    assert len(table(out)) == 8
    lost = next(row["file"] for row in table(out) if row["file"])
    (out / lost).unlink()  # as after a kill
    (out / Path(lost).parent / f"{STAGED_PREFIX}half.png").write_bytes(b"half")
    assert tellapart("predict", trained.model, inbox, "--into", out).code == 0
    assert [row["file"] for row in table(out)] == files
    again = snapshot(out)
    assert {n: c for n, c in again.items() if n != TABLE} == {n: c for n, c in both.items() if n != TABLE}


def test_predict__into_with_links_and_with_other_output(trained, inbox, tmp_path, tellapart):
    out = tmp_path / "sorted"
    outcome = tellapart("predict", trained.model, inbox, "--into", out, "--link", "--format", "csv")
    assert outcome.out.startswith("path,predicted,")
    for row in table(out):
        if row["file"]:
            assert (out / row["file"]).is_symlink()
            assert Path(os.path.realpath(out / row["file"])) == Path(os.path.realpath(row["path"]))
    before = sorted(path.name for path in out.rglob("*"))
    assert tellapart("predict", trained.model, inbox, "--into", out, "--link", "-o", tmp_path / "a.jsonl").code == 0
    assert sorted(path.name for path in out.rglob("*")) == before
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 8


@pytest.mark.parametrize("place", [".", "inbox", "inbox/sorted", "inbox/left", "full", "file", "dangling"])
def test_predict__into_a_place_that_is_not_for_it_is_refused(trained, inbox, tmp_path, tellapart, place, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    (tmp_path / "full" / TABLE).write_text("path,predicted\n")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)
    before = snapshot(tmp_path)
    outcome = tellapart("predict", trained.model, inbox, "--into", tmp_path / place)
    assert outcome.code == 2, outcome.out
    assert "nothing was changed" in outcome.complaint
    assert snapshot(tmp_path) == before


def test_predict__into_what_was_sorted_is_no_source(trained, inbox, tmp_path, tellapart):
    assert tellapart("predict", trained.model, inbox, "--into", tmp_path / "sorted").code == 0
    outcome = tellapart("predict", trained.model, tmp_path / "sorted" / "empty", "--into", tmp_path / "sorted")
    assert (outcome.code, "pictures given" in outcome.complaint) == (2, True)
    for more in (("--link",), ("--into", tmp_path / "sorted", "-o", tmp_path / "sorted" / "answers.csv")):
        assert tellapart("predict", trained.model, inbox, *more).code == 2


def test_sort_into__what_speaks_most_against_an_answer_decides(tmp_path):
    marks = {
        "unsure": np.array([False, True, True, True]),
        "unlike": np.array([False, False, True, True]),
        "empty": np.array([False, False, False, True]),
    }
    answers = made_up(tmp_path / "in", ["a", "b"], [[0.9, 0.1]] * 4, **marks)
    counts = sort_into(tmp_path / "out", answers, sources=[tmp_path / "in"])
    assert counts == {"a": 1, "empty": 1, "unlike/a": 1, "unsure/a": 1}
    assert (tmp_path / "out" / "unlike" / "a" / "2.png").read_bytes() == b"picture 2"


def test_sort_into__classes_that_no_folder_can_be_called_like(tmp_path):
    classes = ["..", "A", "CON", "a", "a/b", "a_b", "empty", "n" * 300, "unsure", "x\n", TABLE]
    answers = made_up(tmp_path / "in", classes, np.eye(len(classes)))
    notes = []

    class Hearing(module.Silent):
        def note(self, message):
            notes.append(message)

    sort_into(tmp_path / "out", answers, sources=[tmp_path / "in"], progress=Hearing())
    rows = table(tmp_path / "out")
    assert [row["predicted"] for row in rows] == classes
    found = {row["predicted"]: Path(row["file"]).parent.as_posix() for row in rows}
    assert found["a_b"] == "a_b"
    assert found["a/b"] == "a_b_2"
    assert len({name.casefold() for name in found.values()}) == len(classes)
    assert all((tmp_path / "out" / row["file"]).exists() and "/" not in found[row["predicted"]] for row in rows)
    assert found["unsure"] == "unsure_2"
    assert any("'a/b' is in the folder a_b_2" in note for note in notes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_sort_into__links_in_the_folder_are_not_followed(tmp_path):
    answers = made_up(tmp_path / "in", ["a", "b"], np.eye(2))
    sort_into(tmp_path / "out", answers, sources=[tmp_path / "in"])
    shutil.rmtree(tmp_path / "out" / "b")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out" / "b").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match=r"a link .*nothing was changed"):
        sort_into(tmp_path / "out", answers, sources=[tmp_path / "in"])
    assert not any((tmp_path / "elsewhere").iterdir())


def test_sort_into__never_writes_over_a_file(tmp_path):
    answers = made_up(tmp_path / "in", ["a", "b"], np.eye(2))
    sort_into(tmp_path / "out", answers, sources=[tmp_path / "in"])
    (tmp_path / "out" / "a" / "0.png").write_bytes(b"edited by hand")
    (tmp_path / "in" / "0.png").write_bytes(b"another picture")
    sort_into(tmp_path / "out", answers, sources=[tmp_path / "in"])
    assert (tmp_path / "out" / "a" / "0.png").read_bytes() == b"edited by hand"
    assert (tmp_path / "out" / "a" / "0_2.png").read_bytes() == b"another picture"
    assert [row["file"] for row in table(tmp_path / "out")] == ["a/0.png", "b/1.png", "a/0_2.png"]


def test_sort_into__a_model_of_other_classes_is_refused(tmp_path):
    sort_into(tmp_path / "out", made_up(tmp_path / "in", ["a", "b"], np.eye(2)), sources=[tmp_path / "in"])
    before = snapshot(tmp_path)
    with pytest.raises(OutputError, match="other classes"):
        sort_into(tmp_path / "out", made_up(tmp_path / "in", ["a", "c"], np.eye(2)), sources=[tmp_path / "in"])
    assert snapshot(tmp_path) == before


def test_sort_into__where_there_is_no_room_nothing_is_written(tmp_path, monkeypatch):
    answers = made_up(tmp_path / "in", ["a", "b"], np.eye(2))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage._replace(free=3))
    with pytest.raises(OutputError, match="no space left on device"):
        sort_into(tmp_path / "out", answers, sources=[tmp_path / "in"])
    assert not any((tmp_path / "out").iterdir())


def test_sort_into__a_disk_that_fills_up_leaves_no_half_file_and_the_next_call_goes_on(tmp_path, monkeypatch):
    answers = made_up(tmp_path / "in", ["a", "b"], np.eye(2))
    plain = module.copy_file

    def full(source, target):
        if source.name == "1.png":
            raise OutputError("cannot write (no space left on device)", where=target)
        plain(source, target)

    monkeypatch.setattr(module, "copy_file", full)
    with pytest.raises(OutputError, match="no space left"):
        sort_into(tmp_path / "out", answers, sources=[tmp_path / "in"])
    monkeypatch.setattr(module, "copy_file", plain)
    sort_into(tmp_path / "out", answers, sources=[tmp_path / "in"])
    assert sorted(snapshot(tmp_path / "out")) == ["a/0.png", "b/1.png", TABLE, MARK]


@given(
    st.lists(
        st.text(max_size=30) | st.sampled_from(["CON", "con.txt", "..", ".", "a ", "a.", "A", "a", "=a", ".=a"]),
        unique=True,
    )
)
def test_class_folders__are_names_on_every_system(classes):
    found = list(class_folders(classes, reserved=["unsure"]).values())
    assert len({name.casefold() for name in found} - {"unsure"}) == len(classes)
    for name in found:
        assert name == name.strip(" ")
        assert not name.startswith((".", "=", "+", "-", "@"))
        assert not name.endswith(".")
        assert not FORBIDDEN & set(name)
        assert name.isprintable()
        assert name.split(".")[0].upper() not in DEVICES
        assert 0 < len(name.encode()) <= LONGEST + 8


@pytest.mark.parametrize("name", ["cat", "naïve café", "日本", "a.b", "x-1 (2)"])
def test_safe_name__plain_names_stay(name):
    assert safe_name(name) == name


def test_safe_name__long_names_keep_their_ending_and_stay_different():
    first, second = (safe_name(f"{'é' * 100}{number}.jpeg") for number in (1, 2))
    assert first != second
    assert first.endswith(".jpeg")
    assert len(first.encode()) <= LONGEST


def test_predict__into_names_the_folders_in_its_help(tellapart):
    told = " ".join(tellapart("predict", "--help").out.split())
    for words in ("--into", "--link", "DIR/unsure/CLASS", "DIR/unlike/CLASS", "DIR/empty"):
        assert words in told


def test_predict__into_of_a_class_called_like_a_column(tmp_path, tellapart):
    data = write_classes(tmp_path / "data", {"empty": 8, "unsure": 8})
    assert tellapart("train", data, "-o", tmp_path / "run", "--size", 64).code == 0
    outcome = tellapart("predict", tmp_path / "run" / "model.tellapart", data, "--into", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert len([name for name in snapshot(tmp_path / "out") if name.endswith(".png")]) == 16


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text here")
def test_predict__into_tells_of_a_name_that_is_no_utf8_in_a_table_that_is(trained, tmp_path, tellapart):
    path = tmp_path / "in" / "caf\udce9.png"
    path.parent.mkdir()
    path.write_bytes((trained.data / "owl" / "001.png").read_bytes())
    for _ in range(2):
        assert tellapart("predict", trained.model, path.parent, "--into", tmp_path / "out").code == 0
    assert [Path(row["path"]).name for row in table(tmp_path / "out")] == ["caf\\xe9.png"]
    assert [each.name for each in (tmp_path / "out").rglob("*.png")] == ["caf_.png"]
