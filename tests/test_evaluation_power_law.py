"""The forecast at the end of a learning curve."""

import numpy as np
import pytest

from tellapart.evaluation.power_law import fit_power_law


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


@pytest.mark.parametrize(("errors", "trials"), [([], 10), ([(10, 0.5)], 10), ([(10, 0.5), (10, 0.4)], 10)])
def test_fit_power_law__needs_two_sizes(errors, trials):
    assert fit_power_law(errors, trials=trials, now=10) is None


def test_fit_power_law__no_error_at_all_stays_finite():
    law = fit_power_law([(50, 0.0), (100, 0.0)], trials=20, now=100)
    assert np.isfinite(law["exponent"]["low"])
    assert 0 < law["error_now"] < 0.1
