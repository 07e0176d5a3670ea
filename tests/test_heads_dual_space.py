from __future__ import annotations

import numpy as np
import pytest

from tellapart.errors import DataError
from tellapart.heads.dual_space import COMMON, column_standard, training_space
from tellapart.heads.objective import Objective


def features_of(count, width, *, seed=0):
    generator = np.random.default_rng(seed)
    return (generator.standard_normal((count, width)) * generator.uniform(0.1, 3, width) + 5).astype(np.float32)


def test_column_standard__is_mean_and_deviation_over_several_blocks():
    features = features_of(3000, 6)
    standard = column_standard(features)
    np.testing.assert_allclose(standard.mean, features.mean(axis=0, dtype=float), rtol=1e-12)
    own = features.std(axis=0, dtype=float)
    expected = np.sqrt((3000 * own**2 + 20 * np.median(own) ** 2) / 3020)
    np.testing.assert_allclose(1 / standard.inverse_deviation, expected, rtol=1e-9)


def test_column_standard__on_a_common_scale_is_the_deviation_of_the_median_column():
    features = features_of(300, 7)
    features[:, 2] = 4.0
    standard = column_standard(features, COMMON)
    own = np.delete(features.std(axis=0, dtype=float), 2)
    expected = np.full(7, 1 / np.median(own))
    expected[2] = 0.0
    np.testing.assert_allclose(standard.inverse_deviation, expected, rtol=1e-9)


def test_column_standard__a_column_that_few_rows_excite_is_no_giant():
    """One row of 60 has 0.01 where all others have 0: by its own deviation another one with 5 would be at z = 3,900."""
    features = features_of(60, 9)
    features[:, 3] = 0
    features[17, 3] = 0.01
    standard = column_standard(features)
    assert 5 * standard.inverse_deviation[3] < 20
    large = np.tile(features, (100, 1))
    assert 1 / column_standard(large).inverse_deviation[3] < 0.3  # many rows have told what it is like


def test_column_standard__keeps_a_small_deviation_beside_a_large_mean():
    features = np.array([[1000.0], [1002.0], [1004.0]], dtype=np.float32)
    assert 1 / column_standard(features).inverse_deviation[0] == pytest.approx(np.sqrt(8 / 3))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_column_standard__silences_a_constant_column(value):
    features = np.full((10, 1), value, dtype=np.float32)
    assert column_standard(features).inverse_deviation[0] == 0.0


@pytest.mark.parametrize("value", [3.0, 1000.0, 1e-3])
def test_column_standard__silences_what_float16_rounds_either_way(value):
    """A net whose blocks add next to nothing sees all pictures alike: what differs is where a value was rounded to."""
    lower = np.float16(value)
    between = (float(lower) + float(np.nextafter(lower, np.float16(np.inf)))) / 2
    kept = between * (1 + 1e-5 * np.random.default_rng(0).standard_normal((100, 40)))
    features = kept.astype(np.float16).astype(np.float32)
    assert features.std(axis=0).min() > 1e-4 * value
    assert not column_standard(features).inverse_deviation.any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_column_standard__refuses_what_is_not_finite(value):
    features = features_of(10, 3)
    features[4, 1] = value
    with pytest.raises(DataError, match="not finite"), np.errstate(invalid="ignore"):
        column_standard(features)


@pytest.mark.parametrize("shape", [(40, 100), (100, 40), (40, 40)])
def test_training_space__has_as_many_coordinates_as_rows_or_columns(shape):
    assert training_space(features_of(*shape)).matrix.shape[1] == min(shape)


def test_training_space__head_gives_the_logits_of_its_own_coordinates():
    features = features_of(30, 200)
    space = training_space(features)
    weights, bias = np.random.default_rng(1).standard_normal((3, 30)), np.array([1.0, 0.0, -1.0])
    logits = space.head(weights, bias, start=0).logits(features)
    np.testing.assert_allclose(logits, space.matrix @ weights.T + bias, atol=1e-3)


def test_training_space__rotates_and_keeps_the_norm():
    features = features_of(30, 200)
    space = training_space(features)
    standard = (features - space.standard.mean) * space.standard.inverse_deviation
    np.testing.assert_allclose(space.matrix @ space.matrix.T, standard @ standard.T, atol=1e-3)


@pytest.mark.parametrize("shape", [(20, 50), (50, 20)])
def test_value_and_gradient__agree_with_finite_differences(shape):
    generator = np.random.default_rng(2)
    space = training_space(features_of(*shape))
    row_weights = generator.uniform(0, 0.1, (shape[0], 2)).astype(np.float32)
    objective = Objective(space=space, labels=generator.integers(0, 3, shape[0]), row_weights=row_weights, l2=0.1)
    point = generator.standard_normal((2, 3, 21)) * 0.1
    direction = generator.standard_normal(point.shape)
    _, gradient = objective.value_and_gradient(point)
    ahead, _ = objective.value_and_gradient(point + 1e-3 * direction)
    behind, _ = objective.value_and_gradient(point - 1e-3 * direction)
    slope = (gradient * direction).sum(axis=(1, 2))
    np.testing.assert_allclose((ahead - behind) / 2e-3, slope, rtol=1e-3, atol=1e-4)
