"""The comparison with peers, on made-up figures: the same pictures for all, what is kept, what is said, the guard."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from tellapart.nets.architectures import NETS

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
MODULES = ("cells", "plan", "ledger", "figures", "plots", "page", "guard", "run", "install_size")


@pytest.fixture
def bench(monkeypatch):
    """Import a script of benchmarks/compare or benchmarks/peers by its name, and forget it afterwards."""
    for folder in ("peers", "compare"):
        monkeypatch.syspath_prepend(str(BENCHMARKS / folder))
    kept = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - kept:
        if name in MODULES:
            del sys.modules[name]


@pytest.fixture
def data(tmp_path):
    """Twelve pictures of each of two classes to train on, four to test by; empty files, since nobody looks."""
    for split, count in (("train", 12), ("validation", 2), ("test", 4)):
        for label in ("a", "b"):
            folder = tmp_path / "set" / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                (folder / f"{label}{number:02}.jpg").touch()
    return tmp_path / "set"


def job(cells, right, *, seconds, **more):
    figures = {"seconds": seconds, "processor_s": 2 * seconds, "peak_mb": 100, "test": len(right)}
    return {**figures, "accuracy": sum(right) / len(right), "right": cells.packed(right), **more}


@pytest.fixture
def document(bench):
    """Ours and two peers on trashnet: one is slower and worse, the other as good."""
    cells, ledger = bench("cells"), bench("ledger")
    best, worse = [True] * 38 + [False] * 2, [True] * 24 + [False] * 16
    document = ledger.empty()
    document["machine"] = {"system": "Linux", "processor": "a processor", "cores": 2, "instructions": ["avx2"]}
    for number, (ours, peer) in enumerate([(10, 50), (20, 80), (10, 60)]):
        document["cells"][f"job/trashnet/ours/{number}"] = job(cells, best, seconds=ours)
        document["cells"][f"job/trashnet/fastai-1/{number}"] = job(cells, worse, seconds=peer)
    document["cells"]["job/trashnet/timm-probe/0"] = job(cells, best, seconds=15)
    for draw in range(2):
        document["cells"][f"curve/trashnet/ours/5:{draw}"] = job(cells, best, seconds=1)
        document["cells"][f"curve/trashnet/ours/1:{draw}"] = {"refused": "2 are needed"}
        document["cells"][f"curve/trashnet/timm-probe/5:{draw}"] = job(cells, worse, seconds=1)
        document["cells"][f"curve/trashnet/timm-probe/1:{draw}"] = job(cells, worse, seconds=1)
    document["cells"]["pair/mnist/0"] = {"first": "ours", "ours": 30, "peer": 60, "ratio": 0.5, "processor_ratio": 0.7}
    return document


def test_cell_pictures__a_larger_draw_holds_a_smaller_one_and_has_no_valid(bench, data):
    cell_pictures = bench("cells").cell_pictures
    few, more = cell_pictures(data, "3:0"), cell_pictures(data, "5:0")
    assert set(few["train"]) < set(more["train"])
    assert [label for _, label in few["train"]] == ["a"] * 3 + ["b"] * 3
    assert few["train"] != cell_pictures(data, "3:1")["train"]
    assert not few["valid"]
    assert len(few["test"]) == 8
    whole = cell_pictures(data, "all:0")
    assert [len(whole[split]) for split in ("train", "valid", "test")] == [24, 4, 8]


def test_measured__a_line_of_what_was_right(bench, data):
    cells = bench("cells")
    line = cells.measured(lambda splits: cells.Answered(labels=["a"] * len(splits["test"])), data, "all:0")
    assert (line["accuracy"], line["train"], line["test"]) == (0.5, 24, 8)
    assert cells.unpacked(line["right"], 8) == [True] * 4 + [False] * 4


def test_measured__a_peer_that_refuses(bench, data):
    cells = bench("cells")

    def peer(_splits):
        raise cells.Refused("too few")

    assert cells.measured(peer, data, "1:0") == {"refused": "too few"}


def test_ledger__what_is_kept_is_there_again(bench, tmp_path):
    ledger = bench("ledger")
    file = tmp_path / "results.json"
    ledger.Ledger(file).keep("job/x/timm-3/0", {"cell": "all:0", "seconds": 1.5, "versions": {"timm": "1"}})
    again = ledger.Ledger(file)
    assert "job/x/timm-3/0" in again
    assert again.document["cells"] == {"job/x/timm-3/0": {"seconds": 1.5}}
    with pytest.raises(SystemExit, match="timm-3 has other versions"):
        again.keep("job/x/timm-3/1", {"seconds": 1.5, "versions": {"timm": "2"}})


@pytest.mark.parametrize("content", ["[]", "{", '{"cells": 3}'])
def test_ledger__another_file_is_refused(bench, tmp_path, content):
    file = tmp_path / "results.json"
    file.write_text(content)
    with pytest.raises(SystemExit, match="holds no results of a comparison"):
        bench("ledger").Ledger(file)
    assert file.read_text() == content


def test_jobs__median_of_the_rounds_ratios_and_the_paired_test(bench, document):
    rows = bench("figures").jobs(document, "trashnet")
    assert rows["fastai-1"]["gain"]["median"] == 5, "50 / 10, 80 / 20, 60 / 10"
    assert rows["fastai-1"]["paired"]["only_b"] == 14
    assert rows["fastai-1"]["paired"]["told_apart"]
    assert not rows["timm-probe"]["paired"]["told_apart"]
    assert rows["timm-probe"]["gain"]["median"] == 1.5, "of the one round that both have"
    assert "gain" not in rows["ours"]


def test_curve__draws_of_one_picture_count_as_one_and_a_refusal_is_said(bench, document):
    points = bench("figures").curve(document, "trashnet")
    assert points["ours"][1] == {"refused": "2 are needed"}
    assert "paired" not in points["timm-probe"][1]
    paired = points["timm-probe"][5]["paired"]
    assert (paired["only_b"], paired["groups"]) == (28, 40)
    assert paired["p_value"] == pytest.approx(2**-13), "of 14 pictures, not of 28"
    assert points["ours"][0]["mean"] == 0.95, "all of it is the first job"


def test_gains__better_is_above_one(bench, document):
    gains = bench("figures").gains(document, ("trashnet",))
    assert gains == {"job/trashnet/fastai-1": 5, "job/trashnet/timm-probe": 1.5, "pair/mnist": 2}


def test_lines__the_page_has_what_was_run_and_nothing_else(bench, document):
    text = "\n".join(bench("page").lines(document, []))
    assert "| 0.5 | 0.7 | at most 0.8 |" in text
    document["cells"]["pair/mnist/0"]["ratio"] = 0.9
    assert "| at most 0.8, missed |" in "\n".join(bench("page").lines(document, []))
    assert "| fastai, `fine_tune(1)` | 60 (50 to 80, 3) | 120 (100 to 160, 3) | 5.00 | 5.00 | 60.0" in text
    assert "ours better, p = 0.00012" in text
    assert "no difference, p = 1" in text
    assert "| tellapart | refuses | 95.0 (95.0 to 95.0, 2) | 95.0 |" in text
    assert "neu_surface" not in text


def test_write_page__a_record_of_ones_own_has_its_page_beside_it(bench, document, tmp_path):
    page = bench("page").write_page(document, tmp_path / "mine.json")
    text = page.read_text(encoding="utf-8")
    assert page == tmp_path / "mine.md"
    assert "[mine.json](mine.json)" in text
    shown = re.findall(r"!\[\w+\]\((.*?)\)", text)
    assert shown
    assert all((tmp_path / plot).is_file() for plot in shown)
    assert all(plot.startswith("mine-") for plot in shown)  # another record beside it has its own
    assert bench("page").write_page(document, tmp_path / "mine.json") == page


def test_page_of__takes_no_place_of_something_else(bench, tmp_path):
    (tmp_path / "README.md").write_text("# Mine\n")
    with pytest.raises(SystemExit, match=r"README\.md is no page of a comparison"):
        bench("page").page_of(tmp_path / "README.json")
    with pytest.raises(SystemExit, match=r"a record is named FILE\.json"):
        bench("page").page_of(tmp_path / "mine.md")


def test_guard__fails_past_fifteen_per_cent(bench, document, tmp_path, monkeypatch, capsys):
    guard, ledger = bench("guard"), bench("ledger")
    record, new = tmp_path / "record.json", tmp_path / "new.json"
    record.write_text(ledger.written(document))
    for ratio, code, word in ((0.5, 0, "kept"), (0.58, 0, "kept"), (0.6, 1, "LOST"), (0.4, 0, "gained")):
        document["cells"]["pair/mnist/0"]["ratio"] = ratio
        new.write_text(ledger.written(document))
        monkeypatch.setattr(sys, "argv", ["guard.py", str(new), "--record", str(record)])
        with pytest.raises(SystemExit) as ended:
            guard.main()
        assert (ended.value.code, word in capsys.readouterr().out) == (code, True), ratio


def test_guard__says_where_the_record_is_of_another_kind_of_processor(bench, document, tmp_path, monkeypatch, capsys):
    guard, ledger = bench("guard"), bench("ledger")
    record, new = tmp_path / "record.json", tmp_path / "new.json"
    for file, instructions in ((record, ["avx2", "amx_bf16"]), (new, ["avx2"])):
        file.write_text(ledger.written({**document, "machine": {**document["machine"], "instructions": instructions}}))
    for held, told in ((record, True), (new, False)):
        monkeypatch.setattr(sys, "argv", ["guard.py", str(new), "--record", str(held)])
        with pytest.raises(SystemExit):
            guard.main()
        assert ("with other instructions (avx2, amx_bf16; here avx2)" in capsys.readouterr().out) == told


def test_guard__nothing_in_common_is_no_pass(bench, document, tmp_path, monkeypatch):
    guard, ledger = bench("guard"), bench("ledger")
    record, new = tmp_path / "record.json", tmp_path / "new.json"
    record.write_text(ledger.written(document))
    new.write_text(ledger.written(ledger.empty()))
    monkeypatch.setattr(sys, "argv", ["guard.py", str(new), "--record", str(record)])
    with pytest.raises(SystemExit, match="no ratio is in both"):
        guard.main()


def test_run_curves__goes_on_where_it_was(bench, document, tmp_path, monkeypatch):
    run, ledger = bench("run"), bench("ledger")
    file = tmp_path / "results.json"
    file.write_text(ledger.written(document))
    asked = []

    def lines_of(peer, folder, cells, **_options):
        asked.append((peer.name, folder.name, list(cells)))
        return ({"cell": cell, "seconds": 1, "accuracy": 1, "test": 1, "right": "gA=="} for cell in cells)

    monkeypatch.setattr(run, "lines_of", lines_of)
    monkeypatch.setattr(run, "there", lambda peer: peer.name != "pixels")
    peers = ("ours", "timm-probe", "pixels")
    arguments = run.argparse.Namespace(sets=("trashnet",), peers=peers, data=tmp_path, counts=(5, 25))
    form = run.FORMS["short"]
    run.run_curves(ledger.Ledger(file), form, arguments)
    assert asked == [("ours", "trashnet", ["25:0"]), ("timm-probe", "trashnet", ["25:0"])]
    run.run_curves(ledger.Ledger(file), form, arguments)
    assert len(asked) == 2
    arguments.counts = None
    run.run_curves(ledger.Ledger(file), form, arguments)
    assert [cells for _, _, cells in asked[2:]] == [["10:0"], ["10:0"]]  # those of the form


def test_plan__every_peer_of_a_form_and_its_script_are_there(bench):
    plan = bench("plan")
    for form in plan.FORMS.values():
        named = {peer for peers in form.jobs.values() for peer in peers} | set(form.curves) | set(form.sizes)
        assert named <= set(plan.ALL)
        assert set(form.pairs) <= set(plan.PAIRS)
    for peer in plan.ALL.values():
        assert (plan.PEERS_FOLDER / peer.script).is_file()
        assert not peer.environment or (plan.PEERS_FOLDER / f"{peer.environment.lower()}.txt").is_file()


def test_plan__nets_of_pairs_are_nets(bench):
    named = [pair.ours[pair.ours.index("--net") + 1] for pair in bench("plan").PAIRS.values() if "--net" in pair.ours]
    assert len(named) == 5
    assert set(named) <= set(NETS)


def test_plain__three_digits_and_no_powers_of_ten(bench):
    told = [bench("plots").plain(value) for value in (0.98765, 51.6, 887.4, 999.9, 2733.58)]
    assert told == ["0.988", "51.6", "887", "1,000", "2,734"]


def test_line_plot__the_same_figures_give_the_same_bytes(bench):
    plots = bench("plots")
    series = {"a & b": [("5", 0.91), ("all", 0.99)], "c": [("5", 0.62)]}
    drawn = plots.line_plot("title", series, ["5", "all"])
    assert drawn == plots.line_plot("title", series, ["5", "all"])
    assert "a &amp; b" in drawn
    assert drawn.count("<circle") == 3


def test_install_size__what_a_package_requires_counts_once(bench):
    found = bench("install_size").closure(["scikit-learn"])
    assert {"scikit-learn", "numpy", "scipy", "joblib"} <= set(found)
    assert "pandas" not in found, "an extra's"
    with pytest.raises(SystemExit, match="is not installed here"):
        bench("install_size").closure(["no-such-package-here"])


def test_results__page_and_plots_are_in_step(bench):
    page = bench("page")
    made = page.made_files(json.loads(page.RESULTS.read_text(encoding="utf-8")))
    for file, content in made.items():
        assert file.read_text(encoding="utf-8") == content, f"python benchmarks/compare/page.py makes {file.name}"
    plots = {file.name for file in page.RESULTS.parent.glob("*.svg")}
    assert plots == {file.name for file in made if file.suffix == ".svg"}
