"""The promise holds as often as it says, and says what it can where it cannot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.heads.abstention import (
    choose_threshold,
    fewest_pictures,
    highest_error,
    highest_errors,
    reachable_error,
)


def answers(random, count, *, hardness):
    """Confidences to six decimals, whether each answer is right, and the true chance of a mistake at a confidence.

    A mistake is the likelier the less sure the answer is, but not as likely as the confidence says.
    """
    difficulty = random.random(count)
    confidence = np.round(1 - 0.5 * difficulty**3, 6)
    return confidence, random.random(count) >= hardness * difficulty**2


def true_error(threshold, *, hardness):
    """The share of wrong answers among those with at least that confidence: the mean of hardness u^2 over u <= u0."""
    most = min((2 * (1 - threshold)) ** (1 / 3), 1.0)
    return hardness * most**2 / 3


@pytest.mark.parametrize(("hardness", "asked"), [(0.02, 0.01), (0.3, 0.05), (0.9, 0.05), (0.3, 0.01)])
def test_choose_threshold__the_promise_is_false_in_at_most_one_of_twenty(hardness, asked):
    random, broken, runs = np.random.default_rng(0), 0, 400
    for _ in range(runs):
        confidence, correct = answers(random, 400, hardness=hardness)
        promise = choose_threshold(confidence, correct=correct, max_error=asked)
        broken += true_error(promise.threshold, hardness=hardness) > promise.error
    assert broken / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_choose_threshold__the_test_above_can_fail():
    """Taking the threshold at which the measured error just meets what was asked breaks every other promise."""
    random, broken = np.random.default_rng(0), 0
    for _ in range(100):
        confidence, correct = answers(random, 400, hardness=0.3)
        ranked = np.argsort(-confidence)
        share = np.cumsum(~correct[ranked]) / np.arange(1, 401)
        place = np.flatnonzero(share <= 0.05)[-1]
        broken += true_error(confidence[ranked][place], hardness=0.3) > 0.05
    assert broken > 20


def test_choose_threshold__answers_everything_where_enough_is_right():
    confidence = np.linspace(0.6, 1, 300)
    promise = choose_threshold(confidence, correct=np.ones(300, bool), max_error=0.01)
    assert (promise.threshold, promise.error, promise.kept) == (0.6, 0.01, True)
    assert promise.in_words().startswith("The promise is that with 95 % confidence at most 1 %")
    assert promise.to_json()["sentence"] == promise.in_words()


def test_choose_threshold__leaves_out_the_unsure_mistakes():
    confidence = np.linspace(0.5, 1, 1000)
    promise = choose_threshold(confidence, correct=confidence > 0.6, max_error=0.01)
    assert promise.kept
    # 3 mistakes among some 800 are few enough at 1 %, 4 are not.
    assert 0.595 < promise.threshold < 0.6


def test_choose_threshold__too_few_pictures_promise_what_they_can():
    promise = choose_threshold(np.linspace(0.6, 1, 200), correct=np.ones(200, bool), max_error=0.01)
    assert (promise.error, promise.kept, promise.needed) == (highest_error(0, 200), False, 299)
    assert (promise.threshold, round(promise.error, 4)) == (0.6, 0.0149)
    assert "200 pictures in valid are too few to promise 1 %" in promise.in_words()
    assert "1.49 %" in promise.in_words()


def test_choose_threshold__too_few_pictures_answer_down_to_the_first_mistake():
    confidence, correct = np.linspace(1, 0.6, 200), np.ones(200, bool)
    correct[[150, 160]] = False
    promise = choose_threshold(confidence, correct=correct, max_error=0.01)
    assert (promise.threshold, promise.error) == (confidence[149], highest_error(0, 150))


def test_choose_threshold__sure_mistakes_make_the_promise_larger():
    confidence, correct = np.linspace(0.5, 1, 400), np.ones(400, bool)
    correct[[50, 395, 396, 397, 398]] = False
    promise = choose_threshold(confidence, correct=correct, max_error=0.01)
    assert (promise.threshold, promise.error) == (confidence[200], highest_error(4, 200))
    assert (confidence >= promise.threshold).sum() == 200
    assert "sure mistakes" in promise.in_words()


@pytest.mark.parametrize(
    ("pictures", "wrong", "answered"),
    [(13, [2], 7), (14, [2], 14), (20, [2, 5], 14), (27, [2], 14), (30, [2], 15), (300, [20], 150)],
)
def test_choose_threshold__a_mistake_among_the_surest_is_told_by_half_of_all_or_by_fourteen(pictures, wrong, answered):
    confidence, correct = np.linspace(1, 0.6, pictures), np.ones(pictures, bool)
    correct[wrong] = False
    for asked in (0.001, 0.01, 0.02):
        promise = choose_threshold(confidence, correct=correct, max_error=asked)
        assert (promise.threshold, promise.error) == (confidence[answered - 1], highest_error(len(wrong), answered))


def test_choose_threshold__the_promise_of_answers_that_are_all_wrong_says_so():
    """Without a threshold nothing would be unsure, and classes of which enough is right would have no promise."""
    promise = choose_threshold(np.linspace(1, 0.6, 100), correct=np.zeros(100, bool), max_error=0.01)
    assert (promise.error, promise.kept) == (1, False)


SURE = st.one_of(st.sampled_from([0.5, 0.9, 0.999999, 1.0]), st.floats(0.5, 1).map(lambda share: round(share, 6)))


@given(
    st.lists(st.tuples(SURE, st.sampled_from([True] * 9 + [False])), min_size=1, max_size=500),
    st.lists(st.sampled_from([0.001, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3, 0.5, 0.9]), min_size=2, max_size=5),
    st.sampled_from([1.0, 4.2, 16.0]),
)
def test_choose_threshold__a_stricter_wish_never_brings_a_larger_promise(rows, asked, among):
    confidence, correct = np.array([each[0] for each in rows]), np.array([each[1] for each in rows])
    found = [choose_threshold(confidence, correct=correct, max_error=each, among=among) for each in sorted(asked)]
    promised = [1.0 if each.error is None else each.error for each in found]
    assert promised == sorted(promised)
    answered = [2.0 if each.threshold is None else each.threshold for each in found]
    assert answered == sorted(answered, reverse=True)  # nor does it answer more


@pytest.mark.parametrize("pictures", [60, 327])
def test_choose_threshold__promises_short_of_what_was_asked_are_false_in_at_most_one_of_twenty(pictures):
    random, broken, runs = np.random.default_rng(1), 0, 400
    for _ in range(runs):
        confidence, correct = answers(random, pictures, hardness=0.2)
        promise = choose_threshold(confidence, correct=correct, max_error=0.001)
        broken += true_error(promise.threshold, hardness=0.2) > promise.error
    assert broken / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_choose_threshold__what_is_not_worth_relying_on_is_not_called_a_promise():
    promise = choose_threshold(np.linspace(0.5, 1, 60), correct=np.arange(60) % 2 == 0, max_error=0.01)
    assert promise.error > 0.5
    assert "anything worth relying on: all that can be said is" in promise.in_words()


@pytest.mark.parametrize("count", [0, 1, 4])
def test_choose_threshold__hardly_any_pictures_promise_nothing(count):
    promise = choose_threshold(np.full(count, 0.9), correct=np.ones(count, bool), max_error=0.01)
    assert (promise.threshold, promise.error, promise.kept) == (None, None, False)
    assert "too few" in promise.in_words()


@given(
    st.lists(st.tuples(st.sampled_from([0.5, 0.9, 0.999999, 1.0]), st.booleans()), min_size=5, max_size=700),
    st.sampled_from([0.001, 0.01, 0.07, 0.5, 0.9]),
)
def test_choose_threshold__equal_confidences_share_a_fate(rows, asked):
    confidence, correct = np.array([each[0] for each in rows]), np.array([each[1] for each in rows])
    promise = choose_threshold(confidence, correct=correct, max_error=asked)
    if promise.threshold is not None:
        stands = confidence >= promise.threshold
        assert promise.threshold in confidence
        assert stands.sum() >= max(len(rows) / 2, 14 if len(rows) >= 14 else 0)
        assert promise.error >= (~correct[stands]).mean()


def test_fewest_pictures__is_where_no_mistake_suffices():
    assert fewest_pictures(0.01) == 299
    assert 0.99**299 <= 0.05 < 0.99**298


@pytest.mark.parametrize(
    ("pictures", "asked", "error"),
    [(298, 0.01, 0.02), (40, 0.01, 0.1), (5, 0.01, 0.5), (4, 0.01, 1.0), (700, 0.003, 0.005)],
)
def test_reachable_error__depends_on_the_number_of_pictures_alone(pictures, asked, error):
    assert reachable_error(pictures, asked) == error


@pytest.mark.parametrize(("wrong", "answered"), [(0, 50), (3, 100), (49, 50)])
def test_highest_error__is_where_the_tail_is_five_per_cent(wrong, answered):
    from scipy.stats import binom

    assert binom.cdf(wrong, answered, highest_error(wrong, answered)) == pytest.approx(0.05)
    assert highest_error(answered, answered) == 1
    many = highest_errors(np.array([wrong, answered]), np.array([answered, answered]))
    assert many.tolist() == [highest_error(wrong, answered), 1]
