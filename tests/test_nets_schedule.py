import math

import numpy as np
import pytest

from tellapart.errors import UsageError
from tellapart.nets.schedule import (
    OPTIMISERS,
    Training,
    average_decay,
    build_optimiser,
    class_weights,
    learning_rate,
    out_of_patience,
    set_rate,
)

PLAIN = Training(epochs=10, batch=8, learning_rate=0.5, warm_up=2)


def rates(training, *, steps):
    return [learning_rate(training, step=step, steps_per_epoch=steps) for step in range(training.epochs * steps)]


def test_learning_rate__rises_then_falls_to_nothing():
    found = rates(PLAIN, steps=5)
    assert found[:10] == pytest.approx([0.05 * step for step in range(1, 11)])
    assert found[10:] == sorted(found[10:], reverse=True)
    assert found[10] == pytest.approx(0.5, rel=0.01)
    assert 0 < found[-1] < 0.001
    assert np.mean(found[10:]) == pytest.approx(0.25, rel=0.01)


def test_learning_rate__constant_stays():
    training = Training(epochs=3, batch=8, learning_rate=0.5, constant=True)
    assert set(rates(training, steps=4)) == {0.5}


def test_learning_rate__warm_up_shorter_than_a_step():
    assert learning_rate(Training(epochs=2, batch=8, learning_rate=0.5, warm_up=0.1), step=0, steps_per_epoch=5) == 0.5


def test_average_decay__grows_to_its_value():
    assert average_decay(0.99, step=0) == pytest.approx(0.1)
    assert average_decay(0.99, step=10_000) == 0.99


def test_class_weights__none_where_classes_are_alike():
    assert class_weights(np.repeat([0, 1], [100, 34]), classes=2) is None
    assert class_weights(np.array([], np.int64), classes=2) is None


def test_class_weights__rare_classes_weigh_more_by_the_square_root():
    labels = np.repeat([0, 2], [100, 25])
    weights = class_weights(labels, classes=3)
    assert weights[2] == pytest.approx(2 * weights[0])
    assert weights[1] == 0
    assert weights[labels].mean() == pytest.approx(1)


def test_out_of_patience__counts_epochs_since_the_best():
    assert not out_of_patience([], 1)
    assert not out_of_patience([3.0, 2.0, 2.5], 2)
    assert out_of_patience([3.0, 2.0, 2.5, 2.0], 2)
    assert not out_of_patience([1.0, 2.0, 2.5, 2.0], None)


@pytest.mark.parametrize("name", sorted(OPTIMISERS))
def test_build_optimiser__no_decay_on_biases_and_rates_by_name(name):
    torch = pytest.importorskip("torch", reason="needs the extra: pip install 'tellapart[torch]'")
    module = torch.nn.ModuleDict({"base": torch.nn.Linear(3, 3), "head": torch.nn.Linear(3, 2)})
    module["base"].weight.requires_grad_(False)
    training = Training(epochs=1, batch=1, learning_rate=0.1, optimiser=name, weight_decay=0.3)
    optimiser = build_optimiser(module, training, scale=lambda place: 10.0 if place.startswith("head") else 1.0)
    set_rate(optimiser, 0.1)
    found = {
        id(parameter): (group["weight_decay"], group["lr"])
        for group in optimiser.param_groups
        for parameter in group["params"]
    }
    assert found == {
        id(module["base"].bias): (0.0, 0.1),
        id(module["head"].weight): (0.3, 1.0),
        id(module["head"].bias): (0.0, 1.0),
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": 0}, "epochs cannot be 0. It must be a whole number at least 1"),
        ({"epochs": 1.5}, "epochs cannot be 1.5"),
        ({"batch": 0}, "batch cannot be 0"),
        ({"batch": True}, "batch cannot be True"),
        ({"learning_rate": 0}, "learning_rate cannot be 0. It must be a number above 0"),
        ({"learning_rate": math.nan}, "learning_rate cannot be nan"),
        ({"learning_rate": "fast"}, "learning_rate cannot be 'fast'"),
        ({"label_smoothing": 1}, "label_smoothing cannot be 1. It must be a number at least 0 and below 1"),
        ({"average": 1.0}, "average cannot be 1.0"),
        ({"clip": 0}, "clip cannot be 0"),
        ({"patience": 0}, "patience cannot be 0"),
        ({"optimiser": "sgdx"}, "no such optimiser: sgdx. Choose one of: adamw, rmsprop"),
    ],
)
def test_training__settings_that_cannot_be_meant(change, said):
    with pytest.raises(UsageError, match=said):
        Training(**{"epochs": 1, "batch": 8, "learning_rate": 1e-3} | change)
