"""The folder for OpenVINO's Model Server answers as the model file does, and a hostile one harms nobody."""

import shutil

import pytest

from exported import small_classifier, write_model


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model file and the folder that `tellapart export` writes of it."""
    from conftest import invoke

    root = tmp_path_factory.mktemp("openvino")
    model = write_model(root / "model.tellapart", small_classifier())
    outcome = invoke("export", model, "-o", root / "models" / "birds", "--to", "openvino", "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["check"]["outcome"] == "same"
    return model, root / "models" / "birds"


def test_write_openvino__is_laid_out_for_the_model_server(exported):
    folder = exported[1]
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == [
        *("1", "1/model.bin", "1/model.xml")
    ]
    assert [path.name for path in folder.parent.iterdir()] == ["birds"]


def test_verify__the_folder_against_its_model_and_against_another(tellapart, exported, tmp_path):
    model, folder = exported
    same = tellapart("verify", folder, "--against", model, "--json")
    assert (same.code, same.json["outcome"], same.json["statements"]) == (0, "same", [])
    other = write_model(tmp_path / "other.tellapart", small_classifier(5, unlike=0.1))
    differs = tellapart("verify", folder / "1" / "model.xml", "--against", other, "--json")
    assert differs.code == 4
    assert differs.json["statements"] == ["the thresholds"]
    assert {row["outcome"] for row in differs.json["rows"]} == {"differs"}


def test_verify__the_folder_alone_cannot_prove_itself(tellapart, exported):
    outcome = tellapart("verify", exported[1])
    assert outcome.code == 2
    assert "--against MODEL" in outcome.complaint


def test_export__never_replaces_a_folder(tellapart, exported):
    outcome = tellapart("export", exported[0], "-o", exported[1], "--to", "openvino")
    assert outcome.code == 2
    assert "there already" in outcome.complaint


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("model.xml", lambda content: b"<net>"),
        ("model.xml", lambda content: b'<!DOCTYPE net [<!ENTITY a "b">]>' + content),
        ("model.xml", lambda content: content.replace(b"model.json", b"nothing")),
        ("model.bin", lambda content: content[:1000]),
        ("model.bin", None),
    ],
    ids=["no net", "a document type", "no export of ours", "cut short", "missing"],
)
def test_open_openvino__what_is_none_is_refused(tellapart, exported, tmp_path, name, change):
    model, folder = exported
    shutil.copytree(folder, tmp_path / "birds")
    path = tmp_path / "birds" / "1" / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    outcome = tellapart("verify", tmp_path / "birds", "--against", model)
    assert outcome.code == 4, outcome
    assert outcome.err.count("\n") == 1
