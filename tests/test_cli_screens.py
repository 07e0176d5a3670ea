"""Names that act on a terminal, a spreadsheet or a page are shown and never acted on."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

import tellapart as package
from metrics_documents import metrics_document, render
from pictures import write_picture
from tellapart.bundle.model_card import escaped_line, headline
from tellapart.cli.run_figures import print_figures, print_unlearned, print_whole_groups
from tellapart.cli.tables import print_layers, print_table
from tellapart.nets.summary import Layer
from tellapart.text import inert

CLI = Path(package.__file__).parent / "cli"
EVIL = "x\x1b[2J\x1b]0;owned\x07\u202egnp.\u2066\r\b\x9b31m"
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)"]


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    """Two classes with names that would act on a terminal, and pictures likewise; one cannot be read."""
    root = tmp_path_factory.mktemp("evil") / f"set{EVIL}"
    for kind, label in enumerate((f"a{EVIL}", "=cmd()")):
        for number in range(9):
            write_picture(root / label / f"{number}{EVIL}\n{label}.png", seed=number, kind=kind)
    (root / "=cmd()" / f"bad{EVIL}.png").write_bytes(b"no picture")
    return root


def test_print_table__words_stand_to_the_left_and_numbers_to_the_right(capsys):
    layers = [
        Layer(name="0", kind="convolution 3x3", shape=(148, 148, 32), parameters=896, activation="ReLU"),
        Layer(name="long.name", kind="dense", shape=(2,), parameters=1026),
        Layer(name="p", kind="pooling", shape=(74, 74, 32), parameters=0),
    ]
    print_layers("net", layers)
    assert capsys.readouterr().out.splitlines()[:-1] == [
        "  layer      output          parameters  what it is",
        "  0          148 x 148 x 32         896  convolution 3x3, ReLU",
        "  long.name  2                    1,026  dense",
        "  p          74 x 74 x 32                pooling",
    ]


def test_print_table__intervals_units_and_what_is_not_known_are_numbers(capsys):
    rows = [["\u732b", "98.2 % (97.0 to 99.1)", "+0.0123", "3 s", "taken"], ["b", "-", "", "1,203 s", "\u732b"]]
    print_table(["", "accuracy", "gain", "took", ""], [*rows, ["c", "< 0.1 % (0.0 to 4.5)", "-0.1", "\N{EN DASH}", ""]])
    assert capsys.readouterr().out.splitlines() == [
        "                   accuracy     gain     took",
        "  \u732b  98.2 % (97.0 to 99.1)  +0.0123      3 s  taken",
        "  b                       -           1,203 s  \u732b",
        "  c    < 0.1 % (0.0 to 4.5)     -0.1        \N{EN DASH}",
    ]


def test_cli__prints_by_one_door():
    """Everything else would be a way around it; the version and the help are our own words."""
    for path in CLI.glob("*.py"):
        printed = re.findall(r"(?<![\w.])print\((.*)", path.read_text(encoding="utf-8"))
        allowed = {"output.py": 2, "main.py": 2, "errors.py": 1}.get(path.name, 0)
        assert len(printed) == allowed, f"{path.name}: {printed}"


def test_commands__show_evil_names_escaped(evil, tmp_path, tellapart):
    run, out = tmp_path / f"run{EVIL}", tmp_path / f"out{EVIL}"
    model = run / "model.tellapart"
    for words in (
        ("train", evil, "-o", run),
        ("predict", model, evil),
        ("evaluate", model, evil),
        ("compare", run, run),
        ("audit", evil, "-o", tmp_path / f"audit{EVIL}"),
        ("report", run),
        ("split", evil, out, "--train", 1, "--valid", 1, "--test", 1),
        ("explain", model, evil / "=cmd()", "-o", tmp_path / f"why{EVIL}"),
        ("predict", tmp_path / EVIL, evil),
        ("train", tmp_path / EVIL),
    ):
        outcome = tellapart(*map(str, words))
        assert outcome.code in (0, 3, 4), outcome.err
        for line in (outcome.out + outcome.err).split("\n"):
            assert line.isprintable(), (words[0], line)
    log = (run / "run.log").read_text(encoding="utf-8")
    assert all(line.isprintable() for line in log.split("\n"))
    card = tellapart_card(model)
    assert all(line.isprintable() for line in card.split("\n"))
    assert "\x1b" not in (run / "report.html").read_text(encoding="utf-8")


def tellapart_card(model):
    from tellapart.bundle.container import read_container

    return read_container(model)[1]["README.md"].decode()


def test_predict__csv_holds_no_formula_and_jsonl_is_exact(tmp_path, evil, tellapart, monkeypatch):
    assert tellapart("train", evil, "-o", tmp_path / "run").code == 0
    folder = tmp_path / "new"
    for number, name in enumerate((*FORMULAS, "plain")):
        write_picture(folder / f"{name}.png", seed=number)
    monkeypatch.chdir(folder)
    names = [f"{name}.png" for name in (*FORMULAS, "plain")]
    arguments = ["predict", str(tmp_path / "run" / "model.tellapart"), "--format"]
    table = tellapart(*arguments, "csv", "--", *names).out
    rows = list(csv.reader(io.StringIO(table)))
    assert [row[0] for row in rows[1:]] == ["'=1+1.png", "'+1.png", "'-1.png", "'@SUM(A1).png", "plain.png"]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)
    exact = [json.loads(line) for line in tellapart(*arguments, "jsonl", "--", *names).out.splitlines()]
    assert [row["path"] for row in exact] == names
    assert set(exact[0]["probabilities"]) >= {"=cmd()"}
    assert "=cmd()" in (tmp_path / "run" / "predictions.csv").read_text()
    assert tellapart("report", tmp_path / "run").code == 0


@pytest.mark.parametrize("cell", ["=a", "+a", "-a", "@a", "\ta", "\ra", "\na", "\N{FULLWIDTH EQUALS SIGN}a"])
def test_inert__takes_a_formula_out_of_action(cell):
    assert inert(cell) == f"'{cell}"
    assert inert(f"a{cell}") == f"a{cell}"
    assert inert("") == ""


def test_plain__is_printable():
    assert escaped_line(EVIL).isprintable()


def test_figures__classes_that_no_picture_shows_are_named_beside_the_balanced_accuracy(capsys):
    figures = metrics_document()["test"]
    print_figures(figures, title="test")
    assert "balanced accuracy is without" not in capsys.readouterr().out
    for row in figures["per_class"][2:4]:
        row["n"] = 0
    print_figures(figures, title="test")
    assert "without 2 classes that no picture here shows: metal, paper\n" in capsys.readouterr().out
    page = render({**metrics_document(), "test": figures})
    assert "no test picture: <bdi>metal, paper</bdi>" in page
    assert "没有测试图片的类别：<bdi>metal, paper</bdi>" in page


def test_figures__guessing_has_its_balanced_accuracy_where_classes_are_unequal(capsys):
    print_figures(metrics_document()["test"], title="test")
    assert re.search(r"^always answering \w+ would .* %, a balanced accuracy of 16.7 %$", shown(capsys), re.MULTILINE)
    print_figures(metrics_document(("a", "b"), skill=3, test=4)["test"], title="test")
    assert re.search(r"^always answering \w+ would be right for [\d.]+ %$", shown(capsys), re.MULTILINE)


@pytest.mark.parametrize(
    ("p_value", "told"),
    [(2e-11, "is right less often than always answering a (p = 2e-11)"), (0.06, "cannot be told from always")],
)
def test_figures__what_guessing_beats_is_not_said_to_be_no_different_from_it(p_value, told, capsys):
    document = metrics_document(("a", "b"), skill=3, test=4)
    figures = document["test"]
    figures["baseline"] |= {"class": "a", "beaten": False, "p_value": p_value}
    print_figures(figures, title="test")
    assert f"this result {told}" in shown(capsys)
    page = render(document)
    assert ("is correct less often than always answering <bdi>a</bdi>" in page) is (p_value < 0.05)
    assert ("less often than that" in headline(figures, of="test")[-1]) is (p_value < 0.05)


@pytest.mark.parametrize(
    ("selected", "skill", "told"),
    [
        ({"net": "own"}, 0, "nothing shows that this net has learned anything"),
        ({"net": "own"}, 20, ""),
        ({"l2": 0.1}, 0, ""),
        (
            {"net": "own", "diverged": True, "training": {"learning_rate": 10.0}},
            0,
            "the training diverged at the learning rate 10: give a lower one",
        ),
    ],
)
def test_print_unlearned__of_nets_alone(selected, skill, told, capsys):
    print_unlearned(selected, metrics_document(("a", "b"), skill=skill, test=40)["test"])
    said = shown(capsys)
    assert told in said
    assert bool(said) == bool(told)


@pytest.mark.parametrize(
    ("together", "told"),
    [
        ({"groups": 12, "parted": False}, "12 groups of pictures that belong together: none was on both sides"),
        ({"groups": 12, "parted": True}, ""),
        ({"groups": 0, "parted": False}, ""),
        ({}, ""),
    ],
)
def test_print_whole_groups__where_there_are_any(together, told, capsys):
    print_whole_groups(together)
    said = shown(capsys)
    assert told in said
    assert bool(said) == bool(told)


def shown(capsys):
    return capsys.readouterr().out
