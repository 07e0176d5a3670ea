"""Whatever is wrong, the answer is one line that names it, an exit code that fits, and nothing changed."""

import errno
import json
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from pictures import write_classes, write_picture
from tellapart.bundle.container import MANIFEST

WRONG_USE, WRONG_DATA, WRONG_MODEL = 2, 3, 4


@pytest.fixture
def data(tmp_path):
    return write_classes(tmp_path / "data", {"a": 8, "b": 8})


@pytest.fixture
def complain(tellapart):
    """Run a command that must fail with this code, and return its one line."""

    def run(code, *arguments):
        outcome = tellapart(*arguments)
        assert outcome.code == code, (outcome.code, outcome.err)
        assert outcome.out == ""
        assert "Traceback" not in outcome.err
        complaints = [line for line in outcome.err.splitlines() if line.startswith("tellapart: ")]
        assert [outcome.complaint] == complaints
        return outcome.complaint

    return run


def manifest(folder, *rows, header="path,label"):
    path = folder / "list.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


@pytest.mark.parametrize(
    ("words", "whose"),
    [(("report", "--figures"), "report "), (("train", "x", "-o"), "train "), (("--version=3",), "")],
)
def test_main__a_fault_of_an_option_leads_to_the_help_of_its_command(complain, words, whose):
    assert complain(WRONG_USE, *words).endswith(f"See `tellapart {whose}--help`.")


# The data


def test_train__no_such_folder(complain, tmp_path):
    assert str(tmp_path / "none") in complain(WRONG_DATA, "train", tmp_path / "none", "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_train__an_empty_folder(complain, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "empty" in complain(WRONG_DATA, "train", tmp_path / "empty", "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_train__one_class_only(complain, tmp_path):
    write_classes(tmp_path / "data", {"alone": 5})
    assert "only one class, 'alone'" in complain(WRONG_DATA, "train", tmp_path / "data", "-o", tmp_path / "run")


def test_train__a_class_without_a_readable_picture(complain, data, tmp_path):
    for path in (data / "b").iterdir():
        path.write_bytes(b"damaged")
    line = complain(WRONG_DATA, "train", data, "-o", tmp_path / "run", "--force")
    assert "none of the 8 pictures of the class 'b'" in line


def test_train__a_class_folder_without_pictures(complain, data, tmp_path):
    (data / "c").mkdir()
    assert "no picture in the class 'c'" in complain(WRONG_DATA, "train", data, "-o", tmp_path / "run")


def test_train__more_than_a_tenth_unreadable_needs_force(complain, tellapart, data, tmp_path):
    (data / "b" / "003.png").write_bytes(b"damaged")
    line = complain(WRONG_DATA, "train", data, "-o", tmp_path / "run", "--size", 64)
    assert "1 of the 8 pictures of the class 'b'" in line
    assert "--force" in line
    assert not (tmp_path / "run" / "metrics.json").exists()
    assert tellapart("train", data, "-o", tmp_path / "run", "--size", 64, "--force").code == 0
    assert "b/003.png,skipped" in (tmp_path / "run" / "ledger.csv").read_text()


def test_train__a_manifest_without_a_column(complain, data, tmp_path):
    path = manifest(tmp_path, "data/a/000.png,a", header="path,kind")
    assert "no column 'label'" in complain(WRONG_DATA, "train", path, "-o", tmp_path / "run")


def test_train__a_manifest_with_a_missing_file(complain, data, tmp_path):
    path = manifest(tmp_path, "data/a/000.png,a", "data/b/none.png,b")
    line = complain(WRONG_DATA, "train", path, "-o", tmp_path / "run")
    assert "row 3" in line
    assert "data/b/none.png" in line


def test_train__a_manifest_with_an_unknown_split(complain, data, tmp_path):
    path = manifest(tmp_path, "data/a/000.png,a,train", "data/b/000.png,b,spare", header="path,label,split")
    assert "unknown split 'spare' in row 3" in complain(WRONG_DATA, "train", path, "-o", tmp_path / "run")


def test_train__the_same_path_under_two_classes(complain, data, tmp_path):
    path = manifest(tmp_path, "data/a/000.png,a", "data/a/000.png,b")
    line = complain(WRONG_DATA, "train", path, "-o", tmp_path / "run", "--force")
    assert "data/a/000.png" in line


def test_train__the_same_bytes_under_two_classes_need_force(complain, tellapart, data, tmp_path):
    shutil.copyfile(data / "a" / "002.png", data / "b" / "copy.png")
    line = complain(WRONG_DATA, "train", data, "-o", tmp_path / "run", "--size", 64)
    assert "a/002.png" in line
    assert "b/copy.png" in line
    assert "--force" in line
    outcome = tellapart("train", data, "-o", tmp_path / "run", "--size", 64, "--force")
    assert outcome.code == 0
    assert "b/copy.png" in outcome.err


def test_train__names_with_control_characters_stay_on_one_line(complain, tmp_path):
    write_classes(tmp_path / "data", {"al\none\x1b[31m": 5})
    line = complain(WRONG_DATA, "train", tmp_path / "data", "-o", tmp_path / "run")
    assert line.isprintable()


def test_evaluate__a_class_the_model_does_not_know(complain, trained, data):
    line = complain(WRONG_DATA, "evaluate", trained.model, data)
    assert "does not know the class 'a' and 1 more" in line
    assert "Call it as the model does, or take its pictures out; the model knows: cat, dog, owl." in line


def test_predict__no_such_picture(complain, trained, tmp_path):
    assert str(tmp_path / "none.png") in complain(WRONG_DATA, "predict", trained.model, tmp_path / "none.png")


def test_report__no_run_there(complain, tmp_path):
    assert str(tmp_path) in complain(WRONG_DATA, "report", tmp_path)


# The place


def test_train__a_finished_run_needs_force(complain, tellapart, data, tmp_path):
    arguments = ("train", data, "-o", tmp_path / "run", "--size", 64)
    assert tellapart(*arguments).code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    assert "--force" in complain(WRONG_USE, *arguments)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    assert tellapart(*arguments, "--force", "--seed", 1).code == 0
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["seed"] == 1


@pytest.mark.parametrize("options", [(), ("--force",)])
def test_train__a_folder_in_use_for_something_else(complain, data, tmp_path, options):
    place = tmp_path / "papers"
    place.mkdir()
    (place / "thesis.txt").write_text("mine")
    assert "thesis.txt" in complain(WRONG_USE, "train", data, "-o", place, *options)
    assert [path.name for path in place.iterdir()] == ["thesis.txt"]


def test_train__a_file_in_place_of_a_folder(complain, data, tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "run"):
        assert str(place) in complain(WRONG_USE, "train", data, "-o", place, "--size", 64)
    assert (tmp_path / "file").read_text() == "mine"


def test_predict__a_file_in_place_of_a_folder(complain, trained, tmp_path):
    (tmp_path / "file").write_text("mine")
    picture = trained.data / "owl" / "001.png"
    target = tmp_path / "file" / "out.csv"
    assert f"no file can be written here: {target}" in complain(
        WRONG_USE, "predict", trained.model, picture, "-o", target
    )


def test_predict__never_writes_over_what_it_reads(complain, trained, tmp_path):
    picture = tmp_path / "one.png"
    picture.write_bytes((trained.data / "owl" / "001.png").read_bytes())
    before = picture.read_bytes()
    for target in (picture, trained.model):
        assert target.name in complain(WRONG_USE, "predict", trained.model, picture, "-o", target)
    table = tmp_path / "list.csv"
    table.write_text("path,predicted,probability,p:cat\none.png,cat,1,1\n")
    assert "to be read, not written" in complain(WRONG_USE, "predict", trained.model, table, "-o", table)
    assert picture.read_bytes() == before


@pytest.mark.parametrize("name", ["split.csv", "model.tellapart", "report.html", "metrics.json"])
def test_train__a_full_disk_leaves_no_half_file(complain, data, tmp_path, monkeypatch, name):
    replace = Path.replace

    def full(self, target):
        if Path(target).name == name:
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    line = complain(WRONG_USE, "train", data, "-o", tmp_path / "run", "--size", 64)
    assert "no space left on device" in line
    assert name in line
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert name not in left
    assert "metrics.json" not in left
    assert not any(each.startswith(".tellapart-") for each in left)


# The model file


def test_predict__a_truncated_model(complain, trained, tmp_path):
    path = tmp_path / "model.tellapart"
    path.write_bytes(trained.model.read_bytes()[:-1000])
    assert str(path) in complain(WRONG_MODEL, "predict", path, trained.data)


def test_predict__a_picture_in_place_of_the_model(complain, trained):
    assert "not a model file" in complain(WRONG_MODEL, "predict", trained.data / "owl" / "001.png", trained.data)


def rewritten(source, target, *, name, change):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(zipfile.ZipInfo(entry.filename), change(content) if entry.filename == name else content)
    return target


def test_evaluate__a_model_of_a_newer_schema(complain, trained, tmp_path):
    def newer(content):
        return json.dumps(json.loads(content) | {"schema": 2}).encode()

    path = rewritten(trained.model, tmp_path / "new.tellapart", name=MANIFEST, change=newer)
    line = complain(WRONG_MODEL, "evaluate", path, trained.data)
    assert "newer" in line
    assert "pip install --upgrade" in line


def test_evaluate__a_changed_member(complain, trained, tmp_path):
    path = rewritten(trained.model, tmp_path / "x.tellapart", name="README.md", change=lambda content: content + b"!")
    assert "README.md was changed" in complain(WRONG_MODEL, "evaluate", path, trained.data)


# The command line itself


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "x", "--nope"),
        ("train",),
        ("train", "x", "--seed", "-1"),
        ("train", "x", "--seed", "many"),
        ("train", "x", "--recipe", "magic"),
        ("train", "x", "--backbone", "vgg99"),
        ("train", "x", "--size", "3"),
        ("predict", "m", "p", "--format", "xml"),
        ("split", "x", "y", "--train", "1"),
        ("summary", "lite0", "--size", "0"),
        ("cache", "explode"),
        ("trian", "x"),
    ],
    ids=" ".join,
)
def test_main__wrong_use_is_one_line(complain, arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not re.search(r"[\n\r]", complain(WRONG_USE, *arguments))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("trian x", "'train'"),
        ("preditc m p", "'predict'"),
        ("explian m p", "'explain'"),
        ("evalute m d", "'evaluate'"),
        ("cache claer", "'clear'"),
        ("train x --recpie scratch", "--recipe"),
        ("train x --group_by parent", "--group-by"),
        ("train x --max 0.1", "--max-error"),
        ("train x --Force", "--force"),
        ("predict m p --fromat csv", "--format"),
        ("audit x --outt y", "--out"),
        ("evaluate m d --jsno", "--json"),
        ("split x y --equal", "--equal-only"),
        ("--verison", "--version"),
    ],
)
def test_main__a_typo_is_answered_with_what_was_meant(complain, line, meant):
    complaint = complain(WRONG_USE, *line.split())
    assert f"Did you mean {meant}? See `" in complaint


def test_main__a_word_unlike_any_gets_no_suggestion(complain):
    assert "Did you mean" not in complain(WRONG_USE, "train", "x", "--qqq")
    assert "Did you mean" not in complain(WRONG_USE, "xyzzy")


def test_main__without_a_command_shows_help(tellapart):
    outcome = tellapart()
    assert outcome.code == WRONG_USE
    assert "train" in outcome.out + outcome.err


@pytest.mark.parametrize("fault", [ZeroDivisionError("inner\ndetail"), MemoryError(), AssertionError(), KeyError("x")])
def test_main__a_fault_of_ours_is_one_line_and_a_traceback_in_a_file(complain, data, tmp_path, monkeypatch, fault):
    def fail(*arguments, **options):
        raise fault

    monkeypatch.setattr("tellapart.learn.in_order", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    line = complain(1, "train", data, "-o", tmp_path / "run", "--size", 64)
    (log,) = tmp_path.glob("tellapart-*.log")
    assert str(log) in line
    assert "in_order" in log.read_text()
    assert type(fault).__name__ in log.read_text()
    assert not (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="says that there is no such file")
@pytest.mark.parametrize("line", ["verify {}", "verify {}.onnx", "embed {} -o features.npz"])
def test_main__a_name_that_is_too_long_is_no_fault_of_ours(complain, line):
    assert "no path can be so long" in complain(WRONG_USE, *line.format("a" * 300).split())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_main__a_full_disk_is_named(complain, data, tmp_path, monkeypatch, number):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("tellapart.learn.in_order", fail)
    line = complain(WRONG_USE, "train", data, "-o", tmp_path / "run", "--size", 64)
    assert line == f"tellapart: cannot write ({os.strerror(number).lower()}). Free some space, then run it again."


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.EIO, errno.EPIPE])
def test_main__what_else_the_system_refuses_is_no_full_disk(complain, data, tmp_path, monkeypatch, number):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("tellapart.learn.in_order", fail)
    line = complain(1, "train", data, "-o", tmp_path / "run", "--size", 64)
    assert os.strerror(number) in line
    assert "space" not in line


def test_main__an_interrupt_is_130_and_one_line(complain, data, tmp_path, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("tellapart.learn.in_order", interrupt)
    assert "stopped" in complain(130, "train", data, "-o", tmp_path / "run", "--size", 64)


def test_main__a_picture_as_data(complain, tmp_path):
    path = write_picture(tmp_path / "one.png")
    assert "name the folder" in complain(WRONG_DATA, "train", path, "-o", tmp_path / "run")
