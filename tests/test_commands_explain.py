"""`tellapart explain`: a sheet for each picture, and nothing of the user's written over."""

import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from pictures import write_picture
from tellapart.commands.explain import explain, sheet_names
from tellapart.data.scan import index_of_paths
from tellapart.errors import DataError, OutputError, UsageError


@pytest.fixture
def folder(trained, tmp_path):
    """Three pictures, two of one name in different folders and one that is truncated."""
    for source, target in (("owl/001.png", "a/x.png"), ("cat/000.png", "b/X.png"), ("dog/017.png", "b/broken.png")):
        (tmp_path / "in" / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(trained.data / source, tmp_path / "in" / target)
    return tmp_path / "in"


def test_explain__a_folder_gives_a_sheet_a_picture_and_can_be_run_again(trained, folder, tmp_path, tellapart):
    out = tmp_path / "why"
    outcome = tellapart("explain", trained.model, folder, "-o", out)
    assert outcome.code == 0, outcome.err
    assert sorted(path.name for path in out.iterdir()) == ["X-2-explained.png", "x-explained.png"]
    assert "broken.png (truncated)" in outcome.err
    assert str(out / "x-explained.png") in outcome.out
    before = {path: path.read_bytes() for path in out.iterdir()}
    again = tellapart("explain", trained.model, folder, "-o", out, "--json")
    assert again.code == 0
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    rows = again.json["pictures"]
    assert [row["file"] for row in rows] == [str(out / "x-explained.png"), str(out / "X-2-explained.png"), None]
    assert rows[2]["error"] == "truncated"
    assert rows[0]["class"] == rows[0]["predicted"]
    assert rows[0]["method"] == "exact"


def test_explain__another_class_gives_another_map(trained, tmp_path, tellapart):
    picture = trained.data / "owl" / "001.png"
    sheets = []
    for name in ("cat", "owl"):
        outcome = tellapart("explain", trained.model, picture, "-o", tmp_path / name, "--class", name, "--json")
        assert outcome.json["pictures"][0]["class"] == name
        sheets.append(np.asarray(Image.open(tmp_path / name / "001-explained.png")))
    assert (sheets[0] != sheets[1]).any()


def test_explain__says_what_speaks_against_an_answer(trained, tmp_path, tellapart):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    outcome = tellapart("explain", trained.model, tmp_path / "noise.png", "-o", tmp_path / "why")
    assert outcome.code == 0, outcome.err
    assert "unlike the training set" in outcome.out
    assert tellapart("predict", trained.model, tmp_path / "noise.png").out.strip().endswith("unlike the training set")


def test_explain__grad_cam_on_a_stage_from_the_same_file(trained, tmp_path, tellapart):
    pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
    picture = trained.data / "owl" / "001.png"
    outcome = tellapart("explain", trained.model, picture, "-o", tmp_path / "why", "--stage", "last", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["pictures"][0]["method"] == "grad-cam"
    wrong = tellapart("explain", trained.model, picture, "-o", tmp_path / "why", "--stage", "conv999")
    assert wrong.code == 2
    assert "Stages with maps: " in wrong.complaint


def test_explain__without_torch_a_stage_is_an_extra_that_is_missing(trained, tmp_path, tellapart, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    outcome = tellapart("explain", trained.model, trained.data / "owl" / "001.png", "-o", tmp_path, "--stage", "last")
    assert outcome.code == 5
    assert "pip install 'tellapart[torch]'" in outcome.complaint


def test_explain__a_class_the_model_does_not_know(trained, tmp_path):
    with pytest.raises(UsageError, match="cat, dog, owl"):
        explain(trained.model, [trained.data / "owl"], out=tmp_path / "why", class_name="wolf")
    assert not (tmp_path / "why").exists()


def test_explain__what_it_has_not_written_is_never_written_over(trained, tmp_path):
    picture = write_picture(tmp_path / "x.png", seed=1)
    in_the_way = write_picture(tmp_path / "x-explained.png", seed=2)
    before = in_the_way.read_bytes()
    with pytest.raises(OutputError, match="x-explained"):
        explain(trained.model, [picture], out=tmp_path)
    assert in_the_way.read_bytes() == before


def test_explain__sheets_among_the_pictures_are_not_explained_in_their_turn(trained, tmp_path):
    picture = write_picture(tmp_path / "x.png")
    for _ in range(2):
        found = explain(trained.model, [tmp_path], out=tmp_path / "why")
        assert [row["path"] for row in found["pictures"]] == [str(picture)]
    with pytest.raises(DataError):
        explain(trained.model, [tmp_path / "why"], out=tmp_path / "why")


def test_explain__nothing_readable_is_an_error(trained, tmp_path):
    with pytest.raises(DataError, match="truncated"):
        explain(trained.model, [trained.data / "dog" / "017.png"], out=tmp_path / "why")


def test_sheet_names__are_unlike_each_other_without_regard_to_case(tmp_path):
    paths = [write_picture(tmp_path / name) for name in ("a/cat.png", "b/Cat.png", "c/cat-2.png", "d/CAT.jpg.png")]
    names = list(sheet_names(index_of_paths(paths)))
    assert names[0] == "cat-explained.png"
    assert len({name.casefold() for name in names}) == 4
