"""A model is scored by whatever of its classes there is."""

import shutil

import pytest

from pictures import write_classes
from tellapart.estimator import load


def only(folder, tmp_path, *, empty=()):
    """Class folders of some of the model's classes, with pictures in those that are not to be empty."""
    write_classes(tmp_path / "few", dict.fromkeys(folder, 4), first_seed=70)
    for name in empty:
        (tmp_path / "few" / name).mkdir(parents=True)
    return tmp_path / "few"


def test_evaluate__one_class_alone(trained, tellapart, tmp_path):
    name = load(trained.model).classes_[0]
    data = only([name], tmp_path)
    outcome = tellapart("evaluate", trained.model, data, "--json")
    assert (outcome.code, outcome.json["n"]) == (0, 4)
    assert load(trained.model).score(data) == outcome.json["accuracy"]["value"]
    (tmp_path / "test").mkdir()
    (tmp_path / "set").mkdir()
    data.rename(tmp_path / "set" / "test")
    assert tellapart("evaluate", trained.model, tmp_path / "set", "--json").json["n"] == 4
    table = tmp_path / "one.csv"
    table.write_text(f"path,label\nset/test/{name}/000.png,{name}\n")
    assert tellapart("evaluate", trained.model, table, "--json").json["n"] == 1
    assert tellapart("train", table, "-o", tmp_path / "run").code == 3


def test_evaluate__an_empty_class_folder_is_said_and_left_out(trained, tellapart, tmp_path):
    first, second, *_ = load(trained.model).classes_
    outcome = tellapart("evaluate", trained.model, only([first], tmp_path, empty=[second]), "--json")
    assert (outcome.code, outcome.json["n"]) == (0, 4)
    assert f"There is no picture of '{second}', which is not scored." in outcome.err


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_evaluate__nothing_but_empty_class_folders_stop(trained, tellapart, tmp_path, command):
    first, second, *_ = load(trained.model).classes_
    data = only([], tmp_path, empty=[first, second])
    outcome = tellapart(command, *([trained.model] if command == "evaluate" else []), data)
    assert (outcome.code, f"no picture in the class '{first}'" in outcome.err) == (3, True)


def test_evaluate__pictures_of_a_group_and_copies_count_once(trained, tellapart, tmp_path):
    first, second, *_ = load(trained.model).classes_
    data = only([first, second], tmp_path)
    alone = tellapart("evaluate", trained.model, data, "--json").json
    assert alone["together"]["largest"] < 4
    declared = tellapart("evaluate", trained.model, data, "--group-by", "parent", "--json").json
    assert (declared["together"]["groups"], declared["together"]["largest"]) == (2, 4)
    assert declared["accuracy"]["low"] < alone["accuracy"]["low"]
    for number in range(4):
        shutil.copy(data / first / "000.png", data / first / f"again{number}.png")
    assert tellapart("evaluate", trained.model, data, "--json").json["together"]["largest"] >= 5
    assert "of pictures that belong together: each picture counts" in tellapart("evaluate", trained.model, data).out
    refused = tellapart("evaluate", trained.model, data, "--group-by", "patient")
    assert (refused.code, "matches no picture" in refused.complaint) == (2, True)
