"""How errors shrink as the training set grows: a power law through the end of a learning curve.

The share of errors of most learners falls about as a * n ** -b (Hestness et al., 2017, arXiv:1712.00409). Only the last
three doublings count, because curves bend. The forecast is for twice the pictures; its interval is that of b.

Legend: n training pictures, M of valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Z = 1.959964  # of 95 %
SPAN = 9.0  # sizes below the largest by more than this factor are too far back
SMOOTHING = 0.5  # of an error more, out of one picture more: no share is 0, and no logarithm infinite


def fit_power_law(errors: Sequence[tuple[int, float]], *, trials: int, now: int) -> dict[str, Any] | None:
    """The law at the end of a curve, ready for JSON; None with fewer than two sizes.

    Each share is weighted by the number of errors it counts, whose logarithm has about the inverse of that for its
    variance. Heads that are judged on the same pictures err alike, so the true interval is narrower: this is cautious.

    Args:
        errors: n and the share of errors on valid, of every head of the curve.
        trials: M.
        now: the training pictures there are.

    Returns:
        `exponent` {value, low, high}: b; `error_now`: the share of errors by the law at `now`; `doubled`:
        {n, error {value, low, high}, gain {value, low, high}}: what twice the pictures promise, gain being the points
        of accuracy, as a share.
    """
    sizes = sorted({size for size, _ in errors})
    if len(sizes) < 2 or not trials:
        return None
    kept = [size for size in sizes if size * SPAN >= sizes[-1]]
    kept = kept if len(kept) >= 2 else sizes[-2:]
    rows = [(size, share) for size, share in errors if size in kept]
    shares = np.array([(share * trials + SMOOTHING) / (trials + 1) for _, share in rows])
    # Draws of one size share the pictures of valid, so together they count like one.
    repeats = np.array([sum(size == other for other, _ in rows) for size, _ in rows])
    weights = shares * trials / repeats
    x = np.log([size / now for size, _ in rows])
    y = np.log(shares)
    middle = np.average(x, weights=weights)
    spread = float(np.sum(weights * (x - middle) ** 2))
    slope = float(np.sum(weights * (x - middle) * y) / spread)
    level = float(np.average(y, weights=weights) - slope * middle)
    reach = Z / np.sqrt(spread)
    exponent = {"value": -slope, "low": -slope - reach, "high": -slope + reach}
    error_now = float(min(1.0, np.exp(level)))
    # More pictures are not thought to make more errors: an exponent below 0 is noise.
    left = {name: error_now * 2.0 ** -max(0.0, float(value)) for name, value in exponent.items()}
    gain = {name: error_now - value for name, value in left.items()}
    return {
        "exponent": {name: float(value) for name, value in exponent.items()},
        "error_now": error_now,
        "doubled": {
            "n": 2 * now,
            "error": {"value": left["value"], "low": left["high"], "high": left["low"]},
            "gain": gain,
        },
    }
