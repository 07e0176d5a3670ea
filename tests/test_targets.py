"""What -o names: its ending says what is written, and nothing that tellapart has not written is written over."""

import numpy as np
import pytest
from PIL import Image

from pictures import write_picture
from tellapart.bundle.bundle import read_bundle
from tellapart.errors import OutputError, UsageError
from tellapart.export.onnx_file import onnx_export
from tellapart.report.figures import check_places
from tellapart.targets import check_file, check_folder_name

THEIRS = {
    ".csv": b"path,label\na.png,cat\n",
    ".jsonl": b'{"path": "a.png", "label": "cat"}\n',
    ".txt": b"my thesis, 98.2 % done\nand more\n",
    ".parquet": b"PAR1" + bytes(40) + b"path label" + (10).to_bytes(4, "little") + b"PAR1",
    ".npz": b"PK\5\6" + bytes(18),
    ".onnx": b"\x08\x07\x12\x07pytorch",
    ".png": b"\x89PNG\r\n\x1a\n",
}


@pytest.fixture
def picture(trained):
    return trained.data / "owl" / "001.png"


@pytest.mark.parametrize("ending", THEIRS)
def test_check_file__what_others_have_written_stays(ending, tmp_path):
    path = tmp_path / f"mine{ending}"
    path.write_bytes(THEIRS[ending])
    with pytest.raises(OutputError, match="tellapart has not written"):
        check_file(path)
    path.write_bytes(b"")
    check_file(path)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt", "a.parquet", "answers"])
def test_predict__writes_over_its_own_table_and_over_no_other(trained, picture, tellapart, tmp_path, name):
    out = tmp_path / name
    more = () if "." in name else ("--format", "csv")
    for _ in range(2):
        assert tellapart("predict", trained.model, picture, "-o", out, *more).code == 0
    out.write_bytes(THEIRS.get(out.suffix, b"mine"))
    outcome = tellapart("predict", trained.model, picture, "-o", out, *more)
    assert (outcome.code, out.read_bytes()) == (2, THEIRS.get(out.suffix, b"mine"))
    assert "tellapart has not written" in outcome.complaint


def test_predict__writes_over_a_table_for_excel(trained, picture, tellapart, tmp_path):
    for form in ("excel", "csv", "excel"):
        assert tellapart("predict", trained.model, picture, "-o", tmp_path / "a.csv", "--format", form).code == 0
    assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbfpath,")


@pytest.mark.parametrize(
    ("name", "form"), [("a.xlsx", "excel"), ("a.txt", "csv"), ("a.csv", "jsonl"), ("a.png", "table")]
)
def test_predict__a_format_that_the_name_does_not_say_is_refused(trained, picture, tellapart, tmp_path, name, form):
    outcome = tellapart("predict", trained.model, picture, "-o", tmp_path / name, "--format", form)
    assert outcome.code == 2
    assert name in outcome.complaint
    assert not (tmp_path / name).exists()


def test_embed__writes_over_its_own_files_and_over_no_others(trained, picture, tellapart, tmp_path):
    for name in ("f.npz", "f.parquet"):
        for _ in range(2):
            assert tellapart("embed", picture.parent, "-o", tmp_path / name, "--size", 32).code == 0
        (tmp_path / name).write_bytes(THEIRS[f".{name.split('.')[1]}"])
        assert tellapart("embed", picture.parent, "-o", tmp_path / name, "--size", 32).code == 2
    np.savez(tmp_path / "f.npz", features=np.zeros(3))
    assert tellapart("embed", picture.parent, "-o", tmp_path / "f.npz", "--size", 32).code == 2


def test_export__writes_over_its_own_graph_and_over_no_other(trained, tellapart, tmp_path):
    out = tmp_path / "a.onnx"
    out.write_bytes(onnx_export(read_bundle(trained.model)[0]))
    check_file(out)
    out.write_bytes(THEIRS[".onnx"])
    outcome = tellapart("export", trained.model, "-o", out)
    assert (outcome.code, out.read_bytes()) == (2, THEIRS[".onnx"])
    for name, more in (("a.txt", ("--to", "onnx")), ("a.onnx", ("--to", "openvino")), ("a.tellapart", ())):
        assert tellapart("export", trained.model, "-o", tmp_path / "new" / name, *more).code == 2
    assert not (tmp_path / "new").exists()


def test_augment__writes_a_png_and_over_no_other(picture, tellapart, tmp_path):
    pytest.importorskip("cv2", reason="needs the extra: pip install 'tellapart[torch]'")
    grid = tmp_path / "grid.png"
    for _ in range(2):
        assert tellapart("augment", picture, "-o", grid).code == 0
    assert Image.open(grid).text["Software"] == "tellapart"
    mine = write_picture(tmp_path / "mine.png")
    before = mine.read_bytes()
    assert tellapart("augment", picture, "-o", mine).code == tellapart("augment", mine, "-o", mine).code == 2
    assert mine.read_bytes() == before
    assert tellapart("augment", picture, "-o", tmp_path / "grid.jpg").code == 2


def test_figures__write_over_no_plot_of_others(tmp_path):
    check_places(tmp_path, ["confusion"])
    (tmp_path / "confusion.svg").write_text("<svg>mine</svg>")
    with pytest.raises(OutputError, match=r"confusion\.svg"):
        check_places(tmp_path, ["confusion"])


def test_check_folder_name__a_folder_that_would_be_called_like_a_file_is_refused(trained, picture, tellapart, tmp_path):
    with pytest.raises(UsageError, match="a folder is written"):
        check_folder_name(tmp_path / "a.png")
    check_folder_name(tmp_path / "birds.v2")
    (tmp_path / "old.png").mkdir()
    check_folder_name(tmp_path / "old.png")
    for arguments in (
        ("explain", trained.model, picture, "-o", tmp_path / "why.png"),
        ("audit", trained.data, "-o", tmp_path / "audit.html"),
        ("train", trained.data, "-o", tmp_path / "a.tellapart"),
        ("predict", trained.model, picture, "--into", tmp_path / "a.csv"),
    ):
        outcome = tellapart(*arguments)
        assert outcome.code == 2
        assert "a folder is written" in outcome.complaint
        assert not arguments[-1].exists()
