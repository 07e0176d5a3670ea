"""The recipe `auto`: dearer recipes are tried where they can help, and the better one by valid is taken."""

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pictures import write_splits_and_classes
from tellapart.backbones.catalogue import load_backbone
from tellapart.classifier import Classifier
from tellapart.data.scan import scan
from tellapart.data.split import assign_splits
from tellapart.features.look import look_at
from tellapart.heads.linear import LinearHead
from tellapart.progress import Silent
from tellapart.recipes import attempts, auto, cost
from tellapart.recipes.auto import (
    CandidateRecipe,
    Tried,
    ValidAnswers,
    choose_recipe,
    reason_against,
    seconds_each,
    verdict,
)
from tellapart.recipes.larger import EVEN_LARGER, LARGER, larger_bases
from tellapart.recipes.looking import moved_to
from tellapart.recipes.request import Dataset, Request

PICTURES = 100
LATER = float("inf")


def wrong(*rows, pictures=PICTURES, sure=2.0):
    """Answers that are wrong for these rows, and as sure everywhere."""
    correct = np.ones(pictures, np.bool_)
    correct[list(rows)] = False
    loss = np.log1p(np.exp(-sure))
    return ValidAnswers(correct=correct, losses=np.where(correct, loss, sure + loss))


def trained(name):
    head = LinearHead(weight=np.zeros((1, 2), np.float32), bias=np.zeros(2, np.float32), start=0, stop=1)
    classifier = Classifier(classes=("a", "b"), base=None, head=head, selected={"name": name})
    return Tried(classifier=classifier, dataset=None, base=SimpleNamespace(halves=()))


def candidate(recipe, *, seconds=1.0, made=None, clock=None, takes=0.0):
    def train(_best):
        if made is not None:
            made.append(recipe)
        if clock is not None:
            clock.now += takes
        return trained(recipe)

    return CandidateRecipe(recipe=recipe, seconds=lambda _best: seconds, train=train)


class Clock:
    """One that stands still unless it is told to go on."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def extras(monkeypatch):
    """As if everything were installed."""
    monkeypatch.setattr(auto, "find_spec", lambda _name: object())


def choice(answers, *, seconds=1.0, made=None, deadline=LATER):
    """What is chosen where each recipe gives these answers, `features` first."""
    notes = []
    costs = dict.fromkeys(answers, seconds) if isinstance(seconds, float) else seconds
    candidates = [candidate(name, seconds=costs[name], made=made) for name in answers if name != "features"]
    chosen = choose_recipe(
        trained("features"),
        candidates,
        answers=lambda tried: answers[tried.classifier.selected["name"]],
        deadline=deadline,
        note=notes.append,
    )
    notes = [said for said in notes if "is tried: it will take" not in said]
    assert [reason["en"] for reason in chosen.selected["auto"]] == notes
    assert chosen.selected["name"] == chosen.selected["recipe"]
    return chosen.selected["recipe"], notes


def test_choose_recipe__takes_what_is_better_on_valid():
    recipe, notes = choice(
        {"features": wrong(*range(10)), "frozen": wrong(*range(11)), "finetune": wrong(0)},
    )
    assert recipe == "finetune"
    assert notes[0].startswith("frozen is not taken: on 100 valid pictures the log loss is 0.020 higher than that of")
    assert notes[1].startswith("finetune is taken: on 100 valid pictures the log loss is 0.180 lower than that of feat")
    assert "more than chance" in notes[1]
    assert "it corrects 9 and breaks 0 (p = 0.004)" in notes[1]


def test_choose_recipe__a_gain_that_a_small_split_cannot_prove_is_taken_all_the_same():
    recipe, notes = choice({"features": wrong(0, 1, 2, pictures=37), "frozen": wrong(pictures=37)})
    assert recipe == "frozen"
    assert "which may be chance" in notes[0]
    assert "corrects 3 and breaks 0 (p = 0.250)" in notes[0]


def test_choose_recipe__the_loss_decides_and_not_the_answers():
    hesitant = replace(wrong(0, 1), losses=np.full(PICTURES, 0.9))
    recipe, notes = choice({"features": wrong(*range(5)), "frozen": hesitant})
    assert recipe == "features"
    assert "corrects 3 and breaks 0" in notes[0]


def test_choose_recipe__compares_with_what_was_taken_last():
    recipe, notes = choice(
        {"features": wrong(*range(20)), "frozen": wrong(*range(8)), "finetune": wrong(*range(9))},
    )
    assert recipe == "frozen"
    assert "than that of frozen" in notes[1]


def test_choose_recipe__where_nothing_is_misclassified_nothing_is_tried():
    made = []
    recipe, notes = choice({"features": wrong(), "frozen": wrong()}, made=made)
    assert (recipe, made) == ("features", [])
    assert "no valid picture is misclassified" in notes[0]


def test_choose_recipe__the_budget_is_kept():
    made = []
    recipe, notes = choice(
        {"features": wrong(*range(10)), "frozen": wrong(), "finetune": wrong()},
        seconds={"features": 0, "frozen": 100, "finetune": 1},
        made=made,
        deadline=time.perf_counter() + 50,
    )
    assert (recipe, made) == ("finetune", ["finetune"])
    assert "it would take about 1.7 minutes, and the budget leaves 0.8" in notes[0]


def test_reason_against__names_what_is_missing(monkeypatch):
    monkeypatch.setattr(auto, "find_spec", lambda name: None if name == "torch" else object())
    reason = reason_against(candidate("finetune"), trained("features"), errors=50, seconds=1.0, left=LATER)
    assert "torch is not installed (pip install 'tellapart[torch]')" in reason["en"]


def test_verdict__counts_only_pictures_on_which_they_differ():
    better, sentence = verdict(
        "frozen",
        "features",
        after=wrong(0, 1, 2),
        before=wrong(0, 1, *range(10, 20)),
    )
    assert better
    assert "corrects 10 and breaks 1 (p = 0.012)" in sentence["en"]


@pytest.mark.parametrize(("gain", "said"), [(0.15, "0.150 lower than"), (-0.15, "0.150 higher than")])
def test_comparison_sentence__the_difference_lies_in_its_interval(gain, said):
    told = {"margin": 0.25, "count": 40, "changed": (1, 2), "p": 0.5}
    sentence = attempts.comparison_sentence("frozen", "features", gain=gain, **told)["en"]
    assert f"{said} that of features (95 % interval -0.100 to 0.400, which may be chance)" in sentence


def test_seconds_each__kept_pictures_are_looked_at_again(tmp_path, monkeypatch):
    root = write_splits_and_classes(tmp_path, {"train": {"a": 6, "b": 6}, "valid": {"a": 2, "b": 2}})
    base = load_backbone("lite0", size=32)
    index = assign_splits(scan(root), seed=0, shares={"train": 85, "valid": 15})
    embedded = look_at(index, base, Silent())
    dataset = Dataset.of(index, embedded.features, valid_is_given=True)
    kept = []
    embedder = cost.view_embedder
    monkeypatch.setattr(cost, "view_embedder", lambda *given, keep: kept.append(keep) or embedder(*given, keep=keep))
    assert seconds_each(dataset, base, Request(recipe="auto", work=Path("unused"))) > 0
    assert kept == [False]


def test_choose__what_takes_longer_than_was_said_slows_all_that_follow_and_the_budget_is_kept():
    """Each takes three times as long as it was thought to; without counting that in, 100 s would become 130."""
    clock, made = Clock(), []
    answers = {"features": wrong(*range(10))} | {f"r{number}": wrong(*range(10)) for number in range(8)}
    candidates = [
        candidate(name, seconds=10.0, made=made, clock=clock, takes=30.0) for name in answers if name != "features"
    ]
    chosen = choose_recipe(
        trained("features"),
        candidates,
        answers=lambda tried: answers[tried.classifier.selected["name"]],
        deadline=100.0,
        note=lambda _said: None,
        clock=clock,
    )
    assert made == ["r0", "r1", "r2"]
    assert clock.now <= 100.0 * 1.1
    rows = chosen.selected["tried"]
    assert [row["recipe"] for row in rows] == ["features", *made]
    assert [(row["expected_s"], row["seconds"]) for row in rows[1:]] == [(10.0, 30.0), (30.0, 30.0), (30.0, 30.0)]
    assert [row["taken"] for row in rows] == [True, False, False, False]
    assert {row["gain"] for row in rows[1:]} == {0.0}


def test_choose__says_what_each_will_take_before_it_starts():
    said, made = [], []
    choose_recipe(
        trained("features"),
        [candidate("frozen", seconds=90.0, made=made)],
        answers=lambda tried: wrong(0) if tried.classifier.selected["name"] == "features" else wrong(),
        deadline=LATER,
        note=lambda text: said.append((text, list(made))),
    )
    assert said[0] == ("frozen is tried: it will take about 2 minutes.", [])


def test_larger_bases__cheapest_first_and_a_second_step_only_after_the_first():
    lite0 = load_backbone("lite0")
    steps = dict(larger_bases(lite0))
    assert list(steps) == ["lite2", "lite0+lite2", LARGER, EVEN_LARGER]
    at = {
        size: Tried(classifier=None, dataset=None, base=load_backbone("lite0", size=size)) for size in (224, 288, 448)
    }
    assert steps["lite0+lite2"](at[224]).name == "lite0+lite2"
    assert steps[LARGER](at[224]).preprocess.size == 288
    assert steps[EVEN_LARGER](at[224]) is None
    assert steps[EVEN_LARGER](at[288]).preprocess.size == 352
    assert steps[LARGER](at[448]) is None
    assert list(dict(larger_bases(load_backbone("lite0+lite2")))) == [LARGER, EVEN_LARGER]
    assert larger_bases(load_backbone("lite0", size=96)) == []


def test_train_auto__takes_another_base_where_valid_prefers_it(tmp_path, monkeypatch):
    """Fine-tuning and views are left out; what is taken is judged with what its own base sees."""
    monkeypatch.setattr(auto, "find_spec", lambda _name: None)
    root = write_splits_and_classes(tmp_path, {"train": {"a": 6, "b": 6}, "valid": {"a": 3, "b": 3}})
    index = assign_splits(scan(root), seed=0, shares={"train": 85, "valid": 15})
    base = load_backbone("lite0")
    dataset = Dataset.of(index, look_at(index, base, Silent()).features, valid_is_given=True)
    asked = []

    def answers(logits, labels):
        asked.append(logits)
        return wrong(0, 1, pictures=6) if len(asked) != 2 else wrong(0, pictures=6)

    monkeypatch.setattr(ValidAnswers, "of", answers)
    found = auto.train_auto(dataset, base, Request(recipe="auto", work=Path("unused"), budget=60))
    assert found.base.name == "lite2"
    assert found.selected["recipe"] == "features on lite2"
    assert [row["recipe"] for row in found.selected["tried"]][:3] == [
        "features",
        "features on lite2",
        "features on lite0+lite2",
    ]
    moved, other = moved_to(dataset, base, found, Silent())
    assert (other.name, moved.features.shape[1]) == ("lite2", found.base.width)
