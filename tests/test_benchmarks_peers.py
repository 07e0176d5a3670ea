"""The benchmarks against peers: the driver that runs two commands in turn, and what needs no peer installed."""

import gzip
import importlib
import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks" / "peers"


@pytest.fixture
def peers(monkeypatch):
    """Import a script of benchmarks/peers by its name, and forget it afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name):
        monkeypatch.delitem(sys.modules, name, raising=False)
        module = importlib.import_module(name)
        monkeypatch.delitem(sys.modules, name)
        return module

    return load


@pytest.fixture
def compare(peers, monkeypatch, capsys):
    """Run the driver with two commands; its document."""
    module = peers("side_by_side")

    def run(ours, peer, *options):
        commands = ("--ours", shlex.join(ours), "--peer", shlex.join(peer))
        monkeypatch.setattr(sys, "argv", ["side_by_side.py", *commands, *options])
        module.main()
        return json.loads(capsys.readouterr().out)

    return run


def printing(*, text="", before="pass"):
    """A command that prints text."""
    return [sys.executable, "-S", "-c", f"{before}; print({text!r})"]


def document(**figures):
    return printing(text=json.dumps(figures))


def test_side_by_side__each_goes_first_in_turn(compare, tmp_path):
    note = tmp_path / "order"

    def noting(letter, figure):
        return printing(text=json.dumps({"rate": figure}), before=f"open({str(note)!r}, 'a').write({letter!r})")

    result = compare(noting("o", 6), noting("p", 4), "--ours-figure", "rate", "--peer-figure", "rate", "--rounds", "3")
    assert note.read_text() == "oppoop"
    assert [row["first"] for row in result["rounds"]] == ["ours", "peer", "ours"]
    assert (result["ours_median"], result["peer_median"], result["ratio_median"]) == (6, 4, 1.5)


def test_side_by_side__figure_in_a_row_of_a_list(compare):
    result = compare(
        document(epochs=[{"seconds": 9}, {"seconds": 3}]),
        document(total=12.0),
        *("--ours-figure", "epochs.-1.seconds", "--peer-figure", "total", "--rounds", "1"),
    )
    assert result["rounds"] == [{"first": "ours", "ours": 3, "peer": 12.0, "ratio": 0.25}]


def test_side_by_side__seconds_of_a_command_that_prints_no_document(compare):
    result = compare(
        printing(text="done", before="import time; time.sleep(0.2)"), document(wall_s=1e9), "--rounds", "1"
    )
    assert 0.2 <= result["ours_median"] < 60
    assert result["peer_median"] < 60, "measured here, whatever the command says"


def test_side_by_side__processor_seconds_of_each_process(compare):
    busy = printing(before="import time; all(iter(lambda: time.process_time() < 0.6, False))")
    idle = printing(before="import time; time.sleep(0.6)")
    chosen = ("--ours-figure", "processor_s", "--peer-figure", "processor_s")
    result = compare(busy, idle, *chosen, "--rounds", "1")
    # Some systems count a process that has ended in steps of 10 ms, and round them down.
    assert result["ours_median"] >= 0.5 > result["peer_median"]


def test_side_by_side__never_reached_is_null_and_leaves_no_ratio(compare):
    result = compare(
        document(x=1), document(x=None), "--ours-figure", "x", "--peer-figure", "x", "--rounds", "2", "--documents"
    )
    assert [row["ratio"] for row in result["rounds"]] == [None, None]
    assert (result["ours_median"], result["peer_median"], result["ratio_median"]) == (1, None, None)
    assert result["rounds"][0]["documents"]["peer"]["x"] is None


def test_side_by_side__fresh_names_an_empty_folder_for_each_run(compare, tmp_path):
    note = tmp_path / "folders"
    looking = printing(
        before="import os; folder = os.environ['SOME_CACHE']; "
        f"print(os.listdir(folder), folder, file=open({str(note)!r}, 'a')); open(folder + '/kept', 'w')"
    )
    compare(looking, looking, "--rounds", "2", "--fresh", "SOME_CACHE")
    listed, folders = zip(*(line.split(" ", 1) for line in note.read_text().splitlines()), strict=True)
    assert listed == ("[]",) * 4
    assert len(set(folders)) == 4
    assert not any(Path(folder).exists() for folder in folders)


@pytest.mark.parametrize(
    ("ours", "figure", "said"),
    [
        (document(rate=1), "speed", "no 'speed' on the way to figure 'speed'; there is: rate, wall_s, processor_s"),
        (document(rows=[1]), "rows.4", "no '4' on the way to figure 'rows.4'; there is: list"),
        (document(rate="fast"), "rate", "figure 'rate' is no number: 'fast'"),
        (document(done=True), "done", "figure 'done' is no number: True"),
        ([sys.executable, "-S", "-c", "raise SystemExit(7)"], "rate", "exit code 7 from: "),
        (["no-such-program-here"], "rate", "cannot start no-such-program-here: "),
    ],
)
def test_side_by_side__says_what_is_wrong(compare, ours, figure, said):
    with pytest.raises(SystemExit, match="^" + re.escape(said)):
        compare(ours, document(rate=1), "--ours-figure", figure, "--rounds", "1")


def test_print_report__what_a_library_prints_stays_out_of_the_document(peers, capsys):
    def measure():
        print("Found 2000 images")
        return {"rate": 1.5}

    peers("reporting").print_report(measure, packages=["numpy"])
    printed = capsys.readouterr()
    assert json.loads(printed.out)["rate"] == 1.5
    assert json.loads(printed.out)["versions"]["numpy"] == np.__version__
    assert printed.err == "Found 2000 images\n"


@pytest.mark.parametrize("packed", [True, False])
def test_idx__pictures_and_labels(peers, tmp_path, packed):
    expected = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    content = bytes([0, 0, 8, 3]) + np.array(expected.shape, ">u4").tobytes() + expected.tobytes()
    name = "t10k-images-idx3-ubyte" + (".gz" if packed else "")
    (tmp_path / name).write_bytes(gzip.compress(content) if packed else content)
    np.testing.assert_array_equal(peers("keras_chapter").idx(tmp_path, "t10k-images"), expected)


@pytest.mark.parametrize("name", ["keras.txt", "fastai.txt"])
def test_requirements__every_line_is_one_package_of_one_version(name):
    lines = [line for line in (FOLDER / name).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert lines
    for line in lines:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9.]+", line)
