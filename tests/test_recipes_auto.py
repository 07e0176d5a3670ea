"""The recipe `auto`: dearer recipes are tried where they can help, and taken where a paired test says they do."""

import time

import numpy as np
import pytest

from tellapart.heads.linear import LinearHead
from tellapart.recipes import auto
from tellapart.recipes.auto import Candidate, choose, reason_against, verdict
from tellapart.recipes.trained import TrainedHead

PICTURES = 100
LABELS = np.zeros(PICTURES, np.int64)
LATER = float("inf")


def wrong(*rows):
    """Answers that are wrong for these rows."""
    answers = LABELS.copy()
    answers[list(rows)] = 1
    return answers


def trained(name):
    head = LinearHead(weight=np.zeros((1, 2), np.float32), bias=np.zeros(2, np.float32), start=0, stop=1)
    return TrainedHead(head=head, temperature=1.0, selected={"name": name}, history=())


def candidate(recipe, answers, *, seconds=1.0, made=None):
    def train():
        if made is not None:
            made.append(recipe)
        return trained(recipe)

    return Candidate(recipe=recipe, seconds=seconds, train=train, answer=lambda _trained: answers)


@pytest.fixture(autouse=True)
def extras(monkeypatch):
    """As if everything were installed."""
    monkeypatch.setattr(auto, "find_spec", lambda _name: object())


def choice(candidates, *, answers, deadline=LATER):
    notes = []
    chosen = choose(
        trained("features"), candidates, answers=answers, labels=LABELS, deadline=deadline, note=notes.append
    )
    assert list(chosen.selected["auto"]) == notes
    assert chosen.selected["name"] == chosen.recipe
    return chosen, notes


def test_choose__takes_what_is_significantly_better():
    chosen, notes = choice(
        [candidate("frozen", wrong(*range(9))), candidate("finetune", wrong(0))], answers=wrong(*range(10))
    )
    assert chosen.recipe == "finetune"
    assert notes[0].startswith("frozen is not taken: against features it mends 1 of 100 valid pictures and breaks 0")
    assert notes[1].startswith("finetune is taken: against features it mends 9 of 100 valid pictures and breaks 0")


def test_choose__compares_with_what_was_taken_last():
    chosen, notes = choice(
        [candidate("frozen", wrong(*range(8))), candidate("finetune", wrong(*range(7)))], answers=wrong(*range(20))
    )
    assert chosen.recipe == "frozen"
    assert "against frozen it mends 1 " in notes[1]


def test_choose__worse_is_never_taken():
    chosen, _ = choice([candidate("frozen", wrong(*range(50)))], answers=wrong(*range(10)))
    assert chosen.recipe == "features"


def test_choose__too_few_errors_to_show_a_gain():
    made = []
    chosen, notes = choice([candidate("frozen", wrong(), made=made)], answers=wrong(1, 2, 3, 4, 5))
    assert (chosen.recipe, made) == ("features", [])
    assert "5 valid pictures are told wrongly, too few" in notes[0]


def test_choose__the_budget_is_kept():
    made = []
    slow = candidate("frozen", wrong(), seconds=100, made=made)
    quick = candidate("finetune", wrong(), seconds=1, made=made)
    chosen, notes = choice([slow, quick], answers=wrong(*range(10)), deadline=time.perf_counter() + 50)
    assert (chosen.recipe, made) == ("finetune", ["finetune"])
    assert "it would take about 1.7 minutes, and the budget leaves 0.8" in notes[0]


def test_reason_against__names_what_is_missing(monkeypatch):
    monkeypatch.setattr(auto, "find_spec", lambda name: None if name == "torch" else object())
    reason = reason_against(candidate("finetune", wrong()), errors=50, deadline=LATER)
    assert "torch is not installed (pip install 'tellapart[torch]')" in reason


def test_verdict__counts_only_pictures_on_which_they_differ():
    better, sentence = verdict(
        "frozen", "features", given=wrong(0, 1, 2), before=wrong(0, 1, *range(10, 20)), labels=LABELS
    )
    assert better
    assert "mends 10 of 100 valid pictures and breaks 1 (p = 0.012)" in sentence
