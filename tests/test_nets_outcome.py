"""A training whose losses are numbers may have run away all the same."""

import math

import pytest

from tellapart.nets.outcome import guessing_loss, ran_away


def rows(*losses):
    return [{"epoch": number, "train_loss": loss} for number, loss in enumerate(losses, start=1)]


@pytest.mark.parametrize(
    ("losses", "score", "away"),
    [
        ((1.4e11, 0.9, 0.8), math.log(2), True),  # it came back to guessing, and no further
        ((1.4e11, 4e10), 5.1, True),
        ((0.69, 0.68), math.log(2), False),  # it has learned nothing, and did not run away
        ((40.0, 0.5), 0.41, False),  # it came back, and has learned
        ((6.8, 1.2), 0.7, False),  # not yet ten times ln 2
        ((1.4e11,), None, False),  # nothing to judge by
    ],
)
def test_ran_away__far_off_in_training_and_not_below_guessing(losses, score, away):
    assert ran_away(rows(*losses), score=score, counts=[20, 20]) is away


def test_ran_away__guessing_knows_the_shares_of_the_classes():
    assert not ran_away(rows(100.0), score=0.4, counts=[50, 50])
    assert ran_away(rows(100.0), score=0.4, counts=[90, 10])


def test_ran_away__settings_side_by_side_are_no_training():
    assert not ran_away([{"l2": 1.0}], score=0.7, counts=[1, 1])
    assert not ran_away([], score=0.7, counts=[1, 1])


def test_guessing_loss__of_shares():
    assert guessing_loss([5, 5, 5]) == pytest.approx(math.log(3))
    assert guessing_loss([7, 0]) == 0
