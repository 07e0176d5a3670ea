"""What is said beside the curves of a training: the epoch kept, why it ended, and what made its own loss larger."""

import pytest

from tellapart.report.course import hindered, training_course

TRAINING = {"epochs": 9, "patience": 2, "label_smoothing": 0.1, "mix": 0.0}
SELECTED = {"epoch": 2, "out_of": {"epoch": [1, 2, 3, 4]}, "training": TRAINING, "dropout": None, "augmentation": None}


def history(**more):
    return [{"epoch": number, "train_loss": 0.5, **more} for number in (1, 2, 3, 4)]


def test_training_course__an_epoch_kept_and_a_stop():
    course = training_course(history(clean_train_loss=0.4), SELECTED)
    told = {name: course[name] for name in ("epoch", "epochs", "planned", "patience")}
    assert told == {"epoch": 2, "epochs": 4, "planned": 9, "patience": 2}
    assert (course["stopped"], course["trained"], course["clean"]) == (True, True, True)
    assert "under label smoothing" in course["hindered"]
    assert "并受标签平滑影响" in course["hindered"]


def test_training_course__of_an_older_run_and_of_settings():
    assert training_course(history(), {"out_of": {}})["clean"] is False
    whole = {**SELECTED, "training": {**TRAINING, "epochs": 4}}
    assert training_course(history(), whole)["stopped"] is False
    assert training_course([{"l2": 0.1}, {"l2": 1.0}], SELECTED) is None
    assert training_course([], SELECTED) is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, ""),
        ({"dropout": 0.0, "augmentation": {"rotation": 0, "horizontal_flip": False, "fill": "nearest"}}, ""),
        ({"dropout": 0.5, "augmentation": {"rotation": 9}}, "under dropout and augmentation"),
        ({"label_smoothing": 0.1, "mix": 0.5, "dropout": 0.5}, "label smoothing, mixing of pictures and dropout"),
    ],
)
def test_hindered__what_was_in_force(settings, said):
    assert said in hindered(settings) if said else hindered(settings) == ""
