"""What is said beside the curves of a training: the epoch kept, why it ended, and what made its own loss larger."""

import numpy as np
import pytest

from metrics_documents import metrics_document, render
from tellapart.evaluation.metrics import evaluate
from tellapart.report.course import hindered, training_course
from tellapart.report.evidence import Evidence

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


def test_training_course__which_weights_curves_are_of_and_by_what_the_epoch_was_chosen():
    course = training_course(history(), {**SELECTED, "training": {**TRAINING, "average": 0.99}})
    assert (course["decay"], course["calibrated"], course["diverged"]) == (0.99, False, False)
    judged = {**SELECTED, "criterion": "log loss after calibration", "score": 0.3}
    assert training_course(history(), judged)["calibrated"]
    assert training_course(history(), {**judged, "score": None})["calibrated"] is False
    assert training_course(history(), judged)["decay"] is None


def course_page(rows, **more):
    """The page of a net trained from nothing over such epochs, with its test figures as good as guessing."""
    training = {"epochs": len(rows), "learning_rate": 10.0, "average": 0.99}
    document = metrics_document(("a", "b"), skill=0, test=40)
    selected = {"net": "own", "training": training, "epoch": 1, "out_of": {"epoch": [row["epoch"] for row in rows]}}
    page = render({**document, "selected": {**selected, **more}}, Evidence(history=tuple(rows)))
    return page.replace("<bdi>", "").replace("</bdi>", "")


def test_page__a_diverged_training_names_its_rate():
    page = course_page(history(), diverged=True)
    assert page.count("The training diverged at the learning rate 10") == 2  # beside the score, and in its section
    assert "学习率为 10 时训练发散" in page
    assert "Nothing shows that this net has learned" not in page


def test_page__fine_tuning_that_helped_nothing_says_what_was_kept():
    assert "the base and the head were kept as they were before" in course_page(history(), way=0.0, epoch=0)
    part = course_page(history(), way=0.25)
    assert "the base and the head were kept" not in part
    assert "25.0\N{NO-BREAK SPACE}% of the way from where training began to the weights of epoch 1 of" in part
    assert "The weights of epoch" not in part
    assert "The weights of epoch 1 of" in course_page(history(), way=1.0)


def test_page__a_net_no_better_than_one_answer_has_learned_nothing():
    page = course_page(history())
    assert "Nothing shows that this net has learned anything." in page
    assert "没有迹象表明这个网络学到了东西" in page
    assert "The training diverged" not in page
    assert "Nothing shows that" not in render(
        metrics_document(("a", "b"), skill=0, test=40)
    )  # a base has learned before


def test_page__one_epoch_has_no_curves_and_says_so():
    assert "It was trained for one epoch: curves begin with two." in course_page(history()[:1])
    assert "trained for one epoch" not in course_page(history())


def test_page__says_that_averaged_weights_lag():
    assert "are of weights averaged over the steps (decay 0.99)" in course_page(history())


def test_page__full_confidence_in_every_answer_has_a_word():
    document = metrics_document(("a", "b"), test=40)
    entry = {**document["test"]["reliability"][-1], "n": 40, "confidence": 1.0}
    sure = {**document["test"], "reliability": [entry]}
    assert "Every answer was fully confident, so the chart has one point" in render({**document, "test": sure})
    assert "Every answer was fully confident" not in render(document)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([1, 0, 19], "The other was predicted as <bdi>a</bdi>."),
        ([3, 0, 17], "The others were predicted as <bdi>a</bdi>."),
        ([3, 1, 16], "The others were most often predicted as <bdi>a</bdi>."),
    ],
)
def test_page__what_the_hardest_class_was_taken_for(row, said):
    confusion = np.array([[30, 0, 0], [0, 30, 0], row])
    labels, predicted = (np.repeat(places.ravel(), confusion.ravel()) for places in np.indices((3, 3)))
    document = metrics_document(("a", "b", "c"), test=80)
    figures = evaluate(np.eye(3)[predicted] * 0.7 + 0.1, labels, classes=("a", "b", "c"))
    assert said in render({**document, "test": figures})


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
