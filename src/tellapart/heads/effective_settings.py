"""How many independent settings those are worth that the same pictures chose among.

The best of many settings is the best partly by luck, and what chose it flatters it. Strengths of one path err on nearly
the same pictures, so four of them leave hardly more room for luck than one; settings that err apart leave all of it.

Legend: S settings, M pictures that chose among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

EFFECTIVE = "effective_settings"  # in `selected`; absent where the pictures that promise chose nothing


def effective_settings(losses: Sequence[NDArray[np.floating[Any]]]) -> float:
    """The effective number of S settings with losses [M] of the same pictures; between 1 and S.

    The squared sum of the roots of the eigenvalues of the settings' correlations, divided by their sum (Galwey, 2009,
    doi:10.1002/gepi.20408): 1 where all settings lose alike, S where they lose apart.
    """
    matrix = np.asarray(losses, np.float64)
    matrix = matrix - matrix.mean(axis=1, keepdims=True)
    norms = np.sqrt(np.square(matrix).sum(axis=1))
    varied = matrix[norms > 0] / norms[norms > 0, None]
    if len(varied) < 2:
        return 1.0
    roots = np.sqrt(np.linalg.eigvalsh(varied @ varied.T).clip(min=0))
    return float(roots.sum() ** 2 / np.square(roots).sum())


def among_all(tried: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """What is to be told where one of several searches was taken, by what each selected: at most the sum of theirs."""
    return {EFFECTIVE: sum(map(chosen_among, tried))} if any(EFFECTIVE in each for each in tried) else {}


def chosen_among(selected: Mapping[str, Any]) -> float:
    """How many settings a classifier was chosen among by the pictures that promise; 1 where these chose nothing."""
    found = selected.get(EFFECTIVE)
    return max(float(found), 1.0) if isinstance(found, int | float) else 1.0
