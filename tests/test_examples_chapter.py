"""Every example of the chapter runs, prints the chapter's facts beside ours, and draws what it says."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pictures import make_pixels, write_splits_and_classes

pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
pytest.importorskip("timm", reason="needs the extra: pip install 'tellapart[torch]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'tellapart[figures]'")

FOLDER = Path(__file__).parents[1] / "examples" / "chapter"
NOTEBOOKS = sorted((FOLDER.parent / "notebooks").glob("[0-9][0-9]_*.ipynb"))
EXAMPLES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
COUNTS = {split: {"cats": count, "dogs": count} for split, count in (("train", 8), ("validation", 4), ("test", 4))}
DRAWN = {
    7: ["curves-05-*-short.png"],
    8: ["variants.png"],
    14: ["smoothed-0.8-09-*-short.png"],
    17: [
        *("picture.png", "kernels-conv1.png", "filters-conv1.png", "maps-relu1.png"),
        *("heat-map-exact/*-explained.png", "heat-map-grad-cam/*-explained.png"),
    ],
}
WITH_PICTURES = {1, 5, 7, 8, 9, 13, 14, 17}


class Workshop:
    """Small sets to run on, and one folder for all results, so that later rows find the runs of earlier ones."""

    def __init__(self, folder):
        self.out = folder / "runs"
        self.cats = write_splits_and_classes(folder / "cats", COUNTS)
        self.digits = folder / "digits"
        self.digits.mkdir()
        for split in ("train", "t10k"):
            self.write_idx(split, per_class=8)

        self.before = self.contents()

    def contents(self):
        return {file: file.read_bytes() for file in self.cats.rglob("*") if file.is_file()}

    def write_idx(self, split, *, per_class):
        pixels = [
            make_pixels(seed, kind=digit, width=28, height=28)[:, :, 0]
            for digit in range(10)
            for seed in range(per_class)
        ]
        header = bytes((0, 0, 8, 3)) + b"".join(number.to_bytes(4, "big") for number in (len(pixels), 28, 28))
        (self.digits / f"{split}-images-idx3-ubyte").write_bytes(header + np.stack(pixels).tobytes())
        labels = bytes(digit for digit in range(10) for _ in range(per_class))
        header = bytes((0, 0, 8, 1)) + len(labels).to_bytes(4, "big")
        (self.digits / f"{split}-labels-idx1-ubyte").write_bytes(header + labels)

    def arguments(self, row):
        return ["--short", "--out", str(self.out), "--data", str(self.digits if row == 1 else self.cats)]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return Workshop(tmp_path_factory.mktemp("chapter"))


@pytest.fixture
def in_folder(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)


def load(path):
    described = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    return module


def both_columns(row, out):
    """The lines in which the chapter's figures and ours must be the same, as pairs."""
    exact = {
        1: ["26x26x32 13x13x32 11x11x64 5x5x64 3x3x64", "320 18,496 36,928", "55,744", "93,322"],
        2: ["26x26x32 24x24x64 22x22x64", "55,744"],
        3: ["3x3", "5x5", "26x26", "28x28", "13x13"],
        5: ["148 74 72 36 34 17 15 7", "6272", "896 18,496 73,856 147,584 3,211,776 513", "3,453,121"],
        8: ["nearest", "others", "as they are"],
        10: ["(150, 150, 3) to (4, 4, 512)", "14,714,688", "13"],
        12: ["16,812,353", "30 4", "no"],
        14: ["1 0.8 0.64 0.712"],
    }
    return [re.search(rf" {re.escape(fact)} .* {re.escape(fact)}$", out, re.MULTILINE) for fact in exact.get(row, [])]


def test_examples__one_for_each_row():
    assert [int(path.name[:2]) for path in EXAMPLES] == list(range(1, 18))


@pytest.fixture(scope="module")
def told(workshop):
    """What the code cells of every notebook printed and drew, run one after another in one kernel: row -> outputs."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    whole, rows = nbformat.v4.new_notebook(), []
    for place in NOTEBOOKS:
        row = int(place.name[:2])
        for cell in nbformat.read(place, as_version=4).cells:
            cell.source = cell.source.replace('arguments = ["--short"]', f"arguments = {workshop.arguments(row)!r}")
            cell.id = f"{row:02d}-{len(rows)}"
            whole.cells.append(cell)
            rows.append(row)
    nbclient.NotebookClient(
        whole, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOKS[0].parent)}}
    ).execute()
    outputs = {}
    for row, cell in zip(rows, whole.cells, strict=True):
        outputs.setdefault(row, []).extend(cell.get("outputs", []))
    return outputs


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks__each_runs_has_the_chapter_s_facts_and_shows_its_pictures(path, told, workshop):
    """A notebook has the code of the program, which is so run as well."""
    row = int(path.name[:2])
    printed = "".join(output.get("text", "") for output in told[row])
    assert re.search(r"^ +the chapter +here$", printed, re.MULTILINE)
    assert all(both_columns(row, printed)), printed
    assert any("image/png" in output.get("data", {}) for output in told[row]) == (row in WITH_PICTURES)
    for name in DRAWN.get(row, []):
        (file,) = (workshop.out / f"{row:02d}").glob(name)
        levels = np.asarray(Image.open(file).convert("L"))
        assert levels.std() > 1, name
    assert workshop.contents() == workshop.before


def test_notebooks__are_what_the_programs_and_pages_make():
    ran = subprocess.run(
        [sys.executable, str(FOLDER.parents[1] / "tools" / "build_notebooks.py"), "--check"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "not as they would be made: none\n"), ran.stderr


@pytest.mark.parametrize("language", ["en", "zh"])
def test_ask__every_row_has_two_questions_and_something_to_try(language, in_folder, capsys):
    common = importlib.import_module("common")
    for path in EXAMPLES:
        row = int(path.name[:2])
        common.ask(row, common.parser("").parse_args(["--language", language]))
        asked = capsys.readouterr().out.split("\n\n")
        assert re.fullmatch(r"\n1\. .+\n2\. .+", asked[0]), asked
        assert re.match(r"Try it\. \S" if language == "en" else r"试一试。 \S", asked[1])
        assert f"ask({row}, options)" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", ["chapter.md", "chapter.zh-CN.md"])
def test_pages__no_line_ends_between_a_number_and_its_unit(page):
    """They are printed line by line as they stand there."""
    text = (EXAMPLES[0].parents[2] / "docs" / page).read_text(encoding="utf-8")
    assert re.findall(r".*\d\n(?:%|px|ms|s|MB|pictures|epochs|features|parameters)(?!\w).*", text) == []


def test_run_of__trains_anew_only_the_row_that_is_asked(workshop, in_folder):
    common = importlib.import_module("common")
    options = common.parser("", net=True).parse_args([*workshop.arguments(5), "--anew"])
    options.anew = False
    run = common.run_of(5, options)
    fitted = []
    options.anew = True
    assert common.run_of(5, options) == run
    assert common.run_of(5, options, fit=lambda given: fitted.append(given) or run) == run
    assert fitted == [options]
    assert common.figures_of(run)["command"] == common.command_of(5, options)


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("row", "given"),
    [
        (5, ["--data", "my cats", "--short", "--as-chapter"]),
        (12, ["--out", "elsewhere", "--backbone", "vgg16", "--weights", "vgg16.safetensors"]),
        (13, []),
    ],
)
def test_command_of__is_the_row_s_own_as_it_was_asked_for(row, given):
    common = importlib.import_module("common")
    options = common.parser("", net=True, base=True).parse_args(given)
    python, program, *words = shlex.split(common.command_of(row, options))
    assert (python, Path(program).resolve()) == ("python", next(FOLDER.glob(f"{row:02d}_*.py")).resolve())
    assert words == [*given, "--anew"]


@pytest.mark.usefixtures("in_folder")
def test_run_folder__sets_of_one_name_have_runs_of_their_own(tmp_path, monkeypatch):
    common = importlib.import_module("common")
    monkeypatch.setattr(common, "SETS", tmp_path / "shelf")
    options = common.parser("").parse_args(["--out", str(tmp_path / "runs")])
    places = ["shelf/cats", "one/cats", "two/cats", "runs/04/cats-50-20-20", "runs/few/cats"]
    names = [common.run_folder(options, 11, tmp_path / place).name for place in places]
    assert [names[0], *names[3:]] == ["cats", "cats-50-20-20", "cats"]
    assert re.fullmatch(r"cats-[0-9a-f]{8}", names[1])
    assert len({*names[:3]}) == 3
    monkeypatch.chdir(tmp_path / "runs" / "11")
    assert common.set_name(options, Path("../../one/cats")) == names[1]


@pytest.mark.usefixtures("in_folder")
def test_run_folder__each_choice_has_a_run_of_its_own():
    common = importlib.import_module("common")
    options = common.parser("", net=True).parse_args(["--short"])
    options.without, options.seed, options.size = "dropout", 2, 128
    run = common.run_folder(options, 9, Path("cats"))
    assert re.fullmatch(r"cats-[0-9a-f]{8}-short-without-dropout-128px-seed-2", run.name)
    assert common.base_size(options) == 128


def write_run(run, *, history, **figures):
    """What the rows that look back read of a run."""
    run.mkdir(parents=True)
    (run / "metrics.json").write_text(json.dumps(figures))
    (run / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in history))
    return run


@pytest.mark.usefixtures("in_folder")
def test_run_of__says_which_run_it_uses_and_of_how_many_pictures(workshop, tmp_path, capsys):
    common = importlib.import_module("common")
    options = common.parser("", net=True).parse_args(["--data", str(workshop.cats), "--out", str(tmp_path)])
    counts = {"train": 16, "valid": 8, "test": 9}
    run = common.run_folder(options, 9, workshop.cats)
    write_run(run, history=[], counts=counts, data_path="/somewhere/cats")
    assert common.run_of(9, options) == run
    told = f"Using the run in {run}, of 16 + 8 + 9 pictures (train, valid, test) in /somewhere/cats; "
    assert capsys.readouterr().err == f"{told}row 9 with --anew trains it anew.\n"


@pytest.mark.parametrize("row", [7, 14, 15, 16])
def test_looking_back__a_run_that_is_not_there_is_one_line(row, in_folder, tmp_path, capsys):
    looking_back = importlib.import_module("looking_back")
    write_run(tmp_path / "09" / "cats-short", history=[])
    (path,) = FOLDER.glob(f"{row:02d}_*.py")
    main = load(path).main
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module("common").run_example(lambda: main(["--run", str(tmp_path / "09" / "cats")]))
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "Row 9 makes it: python examples/chapter/09_augmented.py. There now: cats-short." in line
    assert "Rows 1, 5, 9, 11, 12 and 13 make runs" in looking_back.who_makes(tmp_path / "nothing")
    assert looking_back.who_makes(tmp_path / "11" / "x-short").endswith("11_feature_extraction.py --short.")


@pytest.mark.parametrize("row", [7, 14])
def test_looking_back__a_run_without_epochs_is_one_line(row, in_folder, tmp_path, capsys):
    run = write_run(tmp_path / "11" / "cats", history=[{"l2": 0.1, "accuracy": 0.9}], recipe="features", selected={})
    (path,) = FOLDER.glob(f"{row:02d}_*.py")
    main = load(path).main
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module("common").run_example(lambda: main(["--run", str(run), "--out", str(tmp_path)]))
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"the run has no epochs to draw, for its recipe trains no net: {run}. Runs of rows 1, 5,")


EPOCHS = [
    {"epoch": epoch, "train_loss": 0.1, "train_accuracy": 1.0, "valid_loss": loss, "valid_accuracy": 0.7}
    for epoch, loss in enumerate((0.9, 0.1, 0.8, 0.5, 0.375), 1)
]


@pytest.mark.parametrize(
    ("recipe", "epochs", "valid"), [("scratch", "30", "about 72 %"), ("finetune", "100", "97.5 %")]
)
def test_row_7__the_chapter_s_column_and_the_file_are_of_the_run(recipe, epochs, valid, in_folder, tmp_path, capsys):
    run = write_run(tmp_path / "05" / recipe, history=EPOCHS, recipe=recipe, selected={"net": "x", "epoch": 3})
    load(EXAMPLES[6]).main(["--run", str(run), "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert re.search(rf"^ +epochs +{epochs} +5$", printed, re.MULTILINE)
    assert re.search(rf"valid +{valid} +70.0 %$", printed, re.MULTILINE)
    assert "3, by its loss after calibration" in printed
    assert [file.name for file in (tmp_path / "07").iterdir()] == [f"curves-05-{recipe}.png"]


@pytest.mark.usefixtures("in_folder")
def test_row_14__says_where_the_raw_and_the_smoothed_loss_are_least(tmp_path, capsys):
    run = write_run(tmp_path / "09" / "cats", history=EPOCHS, recipe="scratch-augmented", selected={"net": "x"})
    load(EXAMPLES[13]).main(["--run", str(run), "--out", str(tmp_path), "--factor", "0.5"])
    printed = capsys.readouterr().out
    assert re.search(r"^ +least loss on valid after epoch +2 of 5, 0\.100$", printed, re.MULTILINE)
    assert re.search(r"^ +the same, smoothed +5 of 5, 0\.475$", printed, re.MULTILINE)
    assert re.search(r"^ +1, 0, 0, 1 becomes +1 0.8 0.64 0.712 +1 0.5 0.25 0.625$", printed, re.MULTILINE)


@pytest.mark.usefixtures("in_folder")
def test_reported_of__by_the_way_that_a_run_goes(tmp_path):
    reported_of = importlib.import_module("looking_back").reported_of
    kinds = [("features", {}), ("scratch", {"net": "mnist-convnet"}), ("auto", {})]
    runs = [
        write_run(tmp_path / f"{place}", history=[], recipe=recipe, selected=chosen)
        for place, (recipe, chosen) in enumerate(kinds)
    ]
    assert [(reported_of(run).row, reported_of(run).test) for run in (*runs, tmp_path / "none")] == [
        *(("11", ""), ("1", "99.08 % of 10000"), ("", ""), ("", ""))
    ]


def test_examples__as_a_process_with_and_without_pictures(workshop, tmp_path):
    """From any folder; an example that lacks its pictures says in one line what to give."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ran, failed = (
        subprocess.run(
            [sys.executable, str(FOLDER / "04_small_set.py"), "--short", "--data", str(data)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        for data in (workshop.cats, "nowhere")
    )
    assert ran.returncode == 0, ran.stderr
    (drawn,) = (tmp_path / "runs/chapter/04").glob("cats-*-4-2-2")
    assert len(list((drawn / "train/dogs").iterdir())) == 4
    assert failed.returncode == 2
    assert failed.stderr.splitlines() == ["no such folder: nowhere. Check --data."]


def test_examples__each_stands_in_the_document_under_its_row():
    text = (FOLDER.parents[1] / "docs" / "chapter.md").read_text(encoding="utf-8")
    sections = re.split(r"^## (?=\d)", text, flags=re.MULTILINE)
    assert len(sections) == 1 + len(EXAMPLES)
    for section, path in zip(sections[1:], EXAMPLES, strict=True):
        assert section.startswith(f"{int(path.name[:2])}. ")
        assert f"[{path.name}](../examples/chapter/{path.name})" in section
        assert f"python examples/chapter/{path.name}" in section


def test_examples__each_says_what_it_teaches_and_how_it_is_run():
    for path in EXAMPLES:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f'"""Row {int(path.name[:2])}: ')
        assert f"    python examples/chapter/{path.name}" in text


@pytest.mark.parametrize(("row", "facts"), [(11, ["about 90 %"]), (12, ["about 96 %", "new in each epoch"])])
def test_examples__the_chapter_s_own_head_on_a_frozen_base(row, facts, workshop, in_folder, capsys):
    (path,) = FOLDER.glob(f"{row:02d}_*.py")
    load(path).main([*workshop.arguments(row), "--as-chapter"])
    printed = capsys.readouterr().out
    assert all(fact in printed for fact in ("4x4x512", "2,097,665", *facts))
    (history,) = (workshop.out / f"{row:02d}").glob("*-short-as-chapter-dense-256/history.jsonl")
    assert '"clean_train_loss"' in history.read_text()


def test_dense_head__of_vgg16_s_maps_has_the_chapter_s_parameters(in_folder):
    dense_head = importlib.import_module("dense_head").dense_head
    counts = [sum(part.numel() for part in dense_head(4 * 4 * 512, classes=classes).parameters()) for classes in (2, 3)]
    assert counts == [2_097_665, 2_097_408 + 257 * 3]


def test_row_5__several_classes_print_their_own_net(workshop, in_folder, tmp_path, capsys):
    counts = {split: {"cats": 8, "dogs": 8, "owls": 8} for split in ("train", "validation", "test")}
    data = write_splits_and_classes(tmp_path / "three", counts)
    (path,) = FOLDER.glob("05_*.py")
    load(path).main(["--short", "--out", str(tmp_path / "runs"), "--data", str(data)])
    printed = capsys.readouterr().out
    assert "The net that was trained, at 48 px for 3 classes:" in printed
    assert re.search(r"^ +head +3 +1,539 ", printed, re.MULTILINE)
    assert "3,453,121" in printed


def test_row_5__another_size_prints_its_own_net(told):
    printed = "".join(output.get("text", "") for output in told[5])
    assert "The net that was trained, at 48 px for 2 classes:" in printed
    assert "307,906 parameters" in printed


def test_row_17__names_the_filters_that_it_climbed(told):
    printed = "".join(output.get("text", "") for output in told[17])
    assert re.search(r"filters climbed.+ conv1 of lite0$", printed, re.MULTILINE), printed


@pytest.mark.usefixtures("in_folder")
def test_row_6__leaves_no_folder_where_nothing_was_written(workshop, tmp_path):
    load(EXAMPLES[5]).main(["--short", "--data", str(workshop.cats), "--out", str(tmp_path)])
    assert [place.name for place in tmp_path.iterdir()] == ["few"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_row_17__captions_are_in_the_language_that_was_asked_for(language, in_folder, tmp_path):
    (path,) = FOLDER.glob("17_*.py")
    row = load(path)
    options = importlib.import_module("common").parser("").parse_args(["--out", str(tmp_path), "--language", language])
    about = {"stage": "relu1", "count": 1, "wide": 8, "high": 8, "of": "cat.jpg"}
    row.write_captioned(options, "maps.png", np.zeros((8, 8, 3), np.uint8), "maps", about)
    assert np.asarray(Image.open(tmp_path / "17" / "maps.png"))[:40].max() > 200
    assert set(row.CAPTIONS[language]) == {"maps", "kernels", "filters"}
