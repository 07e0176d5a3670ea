"""A watch over answers that may be looked at all the time: it seldom cries wolf, and it notices a change."""

import numpy as np
import pytest
from scipy.special import gammaln

from tellapart.evaluation.watch import ALARM, BLOCK, MOST_BETS, RISK, Reference, Rise, upper_end
from tellapart.heads.abstention import Flags

PICTURES = 1000


def first_alarm(random, shares, *, tested=0.03, answers, step=32):
    """After how many answers a rise of a tested share is said; None for never."""
    rise = Rise(np.array([upper_end(random.binomial(PICTURES, tested), PICTURES)]))
    for start in range(0, answers, step):
        rise.add([random.binomial(step, shares(start))], step)
        if rise.evidence() >= ALARM:
            return start + step
    return None


def test_rise__seldom_a_false_alarm_however_often_one_looks():
    random = np.random.default_rng(0)
    alarms = [first_alarm(random, lambda _: 0.03, answers=4000) for _ in range(40)]
    assert sum(alarm is not None for alarm in alarms) <= 1  # at most RISK of them is promised


@pytest.mark.parametrize(("change", "within"), [(0, 800), (3000, 1600)])
def test_rise__a_change_from_3_to_10_percent_is_noticed_early_and_late(change, within):
    random = np.random.default_rng(1)
    delays = [
        first_alarm(random, lambda start: 0.1 if start >= change else 0.03, answers=change + 3000) for _ in range(10)
    ]
    assert all(delay is not None and change < delay <= change + within for delay in delays)


def test_rise__expects_no_more_than_its_stake_where_the_share_is_the_bound():
    """The mean of the evidence over all that can happen in twelve answers."""
    by_count = [np.exp(counted(ones).evidence()) * np.exp(log_share(ones, 12, 0.25)) for ones in range(13)]
    assert sum(by_count) == pytest.approx(1.0)


def counted(ones):
    rise = Rise(np.array([0.25]))
    rise.add([ones], 12)
    return rise


def log_share(ones, count, share):
    ways = gammaln(count + 1) - gammaln(ones + 1) - gammaln(count - ones + 1)
    return ways + ones * np.log(share) + (count - ones) * np.log1p(-share)


def test_rise__keeps_a_bounded_number_of_bets():
    rise = Rise(np.array([0.1, 0.9]))
    for _ in range(3 * MOST_BETS):
        rise.add([26, 230], BLOCK)
    assert len(rise.bets) == MOST_BETS
    assert rise.bets[0].total == 0
    assert rise.evidence() < 1


def test_tested__goes_into_a_file_and_comes_back():
    predicted, unlike = np.repeat([0, 1, 0], [50, 30, 20]), np.arange(100) < 4
    tested = Reference.of(predicted, Flags(unlike=unlike), class_count=3, weight=1.0)
    assert (tested.answers, tested.unsure, tested.unlike) == ((70, 30, 0), None, 4)
    assert tested.answers_at_most[2] == pytest.approx(1 - (RISK / 6) ** (1 / 100))
    grouped = Reference.of(predicted, Flags(unlike=unlike), class_count=3, weight=0.5)
    assert grouped.unlike_at_most > tested.unlike_at_most > 0.04
    assert Reference.from_json(tested.to_json(), class_count=3) == tested


@pytest.mark.parametrize(
    "change",
    [
        {"pictures": 0},
        {"pictures": 101},
        {"answers": [70, 30]},
        {"answers_at_most": [0.8, 0.4, 1.5]},
        {"answers_at_most": [0.8, 0.4, float("nan")]},
        {"unlike": 101},
        {"unlike_at_most": -0.1},
        {"unlike": "4"},
        {"answers": None},
    ],
)
def test_tested__what_makes_no_sense_is_refused(change):
    sound = Reference.of(np.repeat([0, 1], [70, 30]), Flags(unlike=np.arange(100) < 4), class_count=3, weight=1.0)
    with pytest.raises(ValueError, match="no"):
        Reference.from_json(sound.to_json() | change, class_count=3)
