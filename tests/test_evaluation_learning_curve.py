"""The learning curve: nested draws, honest judging, and figures that are ready for JSON."""

import json

import numpy as np
import pytest

from tellapart.evaluation.advice import Suspicion
from tellapart.evaluation.learning_curve import (
    Materials,
    curve_sizes,
    fit_head,
    fit_power_law,
    learning_curve,
    nested_order,
)
from tellapart.heads.linear import ABSENT_LOGIT
from tellapart.heads.search import search_head
from tellapart.heads.setting import HeadSetting
from tellapart.types import Depth

CLASSES = ("cat", "dog", "owl")


def blobs(count, *, seed=0, apart=1.0, width=12):
    """Features float32 [count, width] and labels of three overlapping clouds."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    centres = np.random.default_rng(99).normal(0, apart, (3, width))
    return (centres[labels] + random.normal(size=(count, width))).astype(np.float32), labels


def curve(features, labels, *, train, **options):
    settings = {"classes": CLASSES, "setting": HeadSetting(l2=0.03), "seed": 0, "draws": 3}
    extra = {name: options.pop(name) for name in ("suspicion", "progress") if name in options}
    settings = {"train": slice(0, train), "valid": slice(train, len(labels)), **settings, **options}
    draws = settings.pop("draws")
    return learning_curve(Materials(features=features, labels=labels, **settings), draws=draws, **extra)


def test_learning_curve__rises_from_few_pictures_to_all_and_is_json():
    features, labels = blobs(500, apart=0.6)
    found = curve(features, labels, train=300)
    json.dumps(found, allow_nan=False)
    assert [point["n"] for point in found["points"]] == [9, 18, 37, 75, 150, 300]
    assert [point["draws"] for point in found["points"]] == [3, 3, 3, 3, 3, 1]
    accuracy = [point["accuracy"]["value"] for point in found["points"]]
    assert accuracy[-1] > accuracy[0] + 0.1
    for point in found["points"]:
        for band in (point["accuracy"], point["log_loss"], *(row["recall"] for row in point["per_class"])):
            assert band["low"] <= band["value"] <= band["high"]
    mean = sum(row["recall"]["value"] * row["n"] for row in found["points"][-1]["per_class"]) / 200
    assert mean == pytest.approx(accuracy[-1])
    assert (found["judged_on"], found["valid_n"], found["train_n"]) == ("valid", 200, 300)


def test_learning_curve__the_same_seed_gives_the_same_curve_and_another_one_does_not():
    features, labels = blobs(200, apart=0.6)
    first, again, other = (curve(features, labels, train=120, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["points"] != other["points"]


def test_learning_curve__reads_neither_other_columns_nor_rows_beyond_valid():
    features, labels = blobs(200, apart=0.6)
    wide = np.hstack([np.full((200, 2), np.nan, np.float32), features])
    more = np.vstack([wide, np.full((50, 14), np.nan, np.float32)])
    longer = np.concatenate([labels, np.zeros(50, np.int64)])
    found = curve(more, longer, train=120, valid=slice(120, 200), setting=HeadSetting(l2=0.03, columns=slice(2, 14)))
    assert found == curve(features, labels, train=120)


def test_learning_curve__the_given_head_stands_for_all_pictures():
    features, labels = blobs(200, apart=0.6)
    head = fit_head(features[:120], labels[:120], class_count=3, setting=HeadSetting(l2=0.03))
    given, fitted = (curve(features, labels, train=120, head=head) for head in (head, None))
    assert given["points"][-1]["accuracy"] == fitted["points"][-1]["accuracy"]
    assert given["points"][-1]["log_loss"]["value"] == pytest.approx(fitted["points"][-1]["log_loss"]["value"])


def test_learning_curve__with_nothing_to_judge_by_it_says_so():
    features, labels = blobs(60)
    for train, valid in ((slice(0, 60), slice(60, 60)), (slice(0, 0), slice(0, 60))):
        found = curve(features, labels, train=train.stop, valid=valid)
        assert found["points"] == []
        assert found["power_law"] is None
        assert found["advice"]["code"] == "too_few"


def test_learning_curve__a_class_that_train_lacks_is_always_wrong():
    features, labels = blobs(200)
    rows = np.concatenate([np.flatnonzero(labels[:120] != 2), np.arange(120, 200)])
    found = curve(features[rows], labels[rows], train=80)
    assert found["points"][-1]["per_class"][2]["recall"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    json.dumps(found, allow_nan=False)


def test_learning_curve__suspects_reach_the_advice():
    features, labels = blobs(200)
    found = curve(features, labels, train=120, suspicion=Suspicion(pairs=((0, 1),) * 6, checked=120))
    assert found["advice"]["code"] == "better_labels"
    assert found["advice"]["pair"] == ["cat", "dog"]


def test_nested_order__every_beginning_has_the_classes_in_their_proportions():
    labels = np.array([0] * 90 + [1] * 9 + [2] * 1)
    order = nested_order(labels, np.random.default_rng(0))
    assert sorted(order) == list(range(100))
    assert set(labels[order[:3]]) == {0, 1, 2}
    assert abs((labels[order[:50]] == 0).sum() - 45) <= 2
    assert not np.array_equal(order, nested_order(labels, np.random.default_rng(1)))


def test_nested_order__groups_follow_whole_and_pictures_alone_as_without_groups():
    labels, groups = np.arange(120) % 3, np.arange(120) // 12
    order = nested_order(labels, np.random.default_rng(0), groups)
    assert sorted(order) == list(range(120))
    for label in range(3):
        mine = groups[order[labels[order] == label]]
        assert (np.diff(mine) != 0).sum() == 9
    assert len(np.unique(groups[order[:60]])) == 5
    alone = nested_order(labels, np.random.default_rng(0), np.arange(120))
    np.testing.assert_array_equal(alone, nested_order(labels, np.random.default_rng(0)))


def test_nested_order__a_large_group_comes_no_earlier_than_small_ones():
    groups = np.concatenate([np.zeros(200, np.int64), 1 + np.arange(100) // 2])
    labels = np.zeros(300, np.int64)
    first = [groups[nested_order(labels, np.random.default_rng(seed), groups)[0]] == 0 for seed in range(200)]
    assert np.mean(first) < 0.1  # one of 51 groups


def test_learning_curve__of_groups_forecasts_what_other_groups_will_teach():
    """Twice the pictures are those of other groups: half of each group's pictures teach nearly as much as all."""
    random, each, setting = np.random.default_rng(0), 10, HeadSetting(l2=0.1)
    held, forecast, gained = 0, [], []
    for _ in range(8):
        centres = random.normal(0, 0.22, (3, 60))

        def of_groups(count, centres=centres):
            labels = np.arange(count) % 3
            middles = centres[labels] + random.normal(size=(count, 60))
            features = np.repeat(middles, each, axis=0) + random.normal(0, 0.3, (count * each, 60))
            return features.astype(np.float32), np.repeat(labels, each), np.repeat(np.arange(count), each)

        features, labels, groups = of_groups(60)
        valid, judged, judged_groups = of_groups(30)
        new, true, _ = of_groups(400)
        found = curve(
            np.concatenate([features, valid]),
            np.concatenate([labels, judged]),
            train=600,
            setting=setting,
            groups=groups,
            judged_groups=judged_groups,
        )
        more, their, _ = of_groups(120)
        heads = [fit_head(*rows, class_count=3, setting=setting) for rows in ((features, labels), (more, their))]
        now, doubled = (float((head.logits(new).argmax(axis=1) != true).mean()) for head in heads)
        said = found["power_law"]["doubled"]
        held += said["error"]["low"] <= doubled <= said["error"]["high"]
        forecast.append(said["gain"]["value"])
        gained.append(now - doubled)
    assert held == 8
    assert np.mean(forecast) > np.mean(gained) / 2


def test_curve_sizes__keep_every_class_and_stay_within_the_bound():
    labels = np.array([0] * 90 + [1] * 10)
    assert curve_sizes(labels, class_count=2, largest=15_000) == [12, 25, 50, 100]
    assert curve_sizes(np.zeros(50, np.int64), class_count=2, largest=15_000) == []
    many = np.arange(40_000) % 10
    assert max(curve_sizes(many, class_count=10, largest=15_000)) == 1250
    assert curve_sizes(many, class_count=10, largest=None)[-2:] == [1250, 40_000]


def test_fit_head__a_class_without_pictures_gets_the_logit_that_the_search_gives_it():
    features, labels = blobs(80)
    labels = labels % 2 * 2  # no dog
    fitted = fit_head(features, labels, class_count=3, setting=HeadSetting(l2=0.03))
    searched = search_head(
        features,
        labels,
        class_count=3,
        depths=[Depth(name="last", start=0, stop=12)],
        train=slice(0, 80),
        valid=None,
        seed=0,
    ).head
    for head in (fitted, searched):
        assert head.logits(features)[:, 1].tolist() == [ABSENT_LOGIT] * 80


def test_fit_power_law__finds_the_law_that_made_the_errors():
    errors = [(size, 4 * size**-0.5) for size in (125, 250, 500, 1000)]
    law = fit_power_law(errors, trials=1_000_000, now=1000)
    assert law["exponent"]["value"] == pytest.approx(0.5, abs=1e-3)
    assert law["error_now"] == pytest.approx(errors[-1][1], rel=1e-3)
    assert law["doubled"]["n"] == 2000
    assert law["doubled"]["error"]["value"] == pytest.approx(4 * 2000**-0.5, rel=1e-3)
    gain, error = law["doubled"]["gain"], law["doubled"]["error"]
    assert gain["value"] == pytest.approx(law["error_now"] - error["value"])
    assert gain["low"] < gain["value"] < gain["high"]
    assert error["low"] < error["value"] < error["high"]


def test_fit_power_law__only_the_end_of_the_curve_counts():
    flat = [(size, 0.05) for size in (250, 500, 1000)]
    assert fit_power_law([(10, 0.9), (60, 0.5), *flat], trials=1000, now=1000) == fit_power_law(
        flat, trials=1000, now=1000
    )


def test_fit_power_law__a_curve_that_rises_promises_nothing():
    law = fit_power_law([(250, 0.04), (500, 0.05), (1000, 0.06)], trials=1000, now=1000)
    assert law["doubled"]["gain"]["value"] == 0
    assert law["exponent"]["value"] < 0


def test_fit_power_law__the_interval_holds_the_exponent():
    random, held, trials = np.random.default_rng(4), 0, 400
    for _ in range(200):
        errors = [(size, random.binomial(trials, 3 * size**-0.5) / trials) for size in (250, 500, 1000, 2000)]
        exponent = fit_power_law(errors, trials=trials, now=2000)["exponent"]
        held += exponent["low"] <= 0.5 <= exponent["high"]
    assert held >= 180


@pytest.mark.parametrize("trials", [100, 400])
def test_fit_power_law__the_interval_holds_the_errors_of_twice_the_pictures(trials):
    """Heads of all sizes are judged on the same pictures, which may be easier or harder than others."""
    random, held = np.random.default_rng(5), 0
    for _ in range(200):
        hard = random.random(trials)  # a picture is told wrong where the share of errors is above
        errors = [(size, float((hard < 3 * size**-0.5).mean())) for size in (250, 500, 1000, 2000)]
        law = fit_power_law(errors, trials=trials, now=2000)
        error, gain = law["doubled"]["error"], law["doubled"]["gain"]
        assert error["low"] <= error["value"] <= error["high"]
        assert error["high"] - error["low"] > gain["high"] - gain["low"]
        held += error["low"] <= 3 * 4000**-0.5 <= error["high"]
    assert held >= 186


def test_fit_power_law__pictures_that_count_less_widen_every_interval():
    errors = [(250, 0.16), (500, 0.12), (1000, 0.09)]
    alone, grouped = (fit_power_law(errors, trials=1000, now=1000, weight=weight) for weight in (1.0, 0.25))
    for one, other in (
        (alone["exponent"], grouped["exponent"]),
        (alone["doubled"]["error"], grouped["doubled"]["error"]),
    ):
        assert other["low"] < one["low"] < one["value"] == pytest.approx(other["value"])
        assert one["high"] < other["high"]


@pytest.mark.parametrize(("errors", "trials"), [([], 10), ([(10, 0.5)], 10), ([(10, 0.5), (10, 0.4)], 10)])
def test_fit_power_law__needs_two_sizes(errors, trials):
    assert fit_power_law(errors, trials=trials, now=10) is None


def test_fit_power_law__no_error_at_all_stays_finite():
    law = fit_power_law([(50, 0.0), (100, 0.0)], trials=20, now=100)
    assert np.isfinite(law["exponent"]["low"])
    assert 0 < law["error_now"] < 0.1
