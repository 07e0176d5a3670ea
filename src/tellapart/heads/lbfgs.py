"""L-BFGS for a batch of smooth convex problems that are evaluated together.

The two-loop recursion of Nocedal and Wright (2006, algorithm 7.4), with a given metric in the place of their scaled
identity, and a backtracking line search. With a good metric the first step, of length 1, is nearly always taken.

Legend: P problems, K classes, d coordinates; parameters float64 [P, K, d + 1].
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.objective import Parameters, PerProblem, inner

MEMORY = 6  # pairs of step and change; at 128 columns of 3000 coordinates they are 37 MB
SHORTENINGS = 12
DESCENT = 1e-4  # the part of the promised descent that a step must keep (Armijo)
NOISE = 1e-6  # of the value: float32 products do not tell smaller changes from none; the slope is told far better
FLATTER = 0.5  # the part of the slope that may be left, up or down, after a step whose descent is lost in the noise

Function = Callable[[Parameters], tuple[PerProblem, Parameters]]
Map = Callable[[Parameters], Parameters]


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """Where the search for a minimum ended."""

    parameters: Parameters  # float64 [P, K, d + 1]
    value: PerProblem  # the objective there, float64 [P]
    iterations: int  # how many steps were taken


class _Point(NamedTuple):
    parameters: Parameters
    value: PerProblem
    gradient: Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    step: Parameters
    change: Parameters  # of the gradient over the step
    inverse: PerProblem  # 1 / <step, change>; 0 where noise made that useless


def minimise(function: Function, start: Parameters, *, metric: Map, tolerance: float, iterations: int = 300) -> Minimum:
    """Follow the batch from start [P, K, d + 1] until each problem is within tolerance of its minimum.

    Args:
        function: values [P] and gradients [P, K, d + 1] of parameters.
        start: where to begin.
        metric: an approximate inverse Hessian, symmetric and positive definite.
        tolerance: the part of the objective that a Newton step, by the metric learned so far, would still take off.
        iterations: where to give up.
    """
    pairs: deque[_Pair] = deque(maxlen=MEMORY)
    point = _Point(start, *function(start))
    done = np.zeros(len(start), dtype=bool)
    for iteration in range(iterations):
        direction = -_inverse_hessian(pairs, metric, point.gradient)
        slope = inner(point.gradient, direction)
        done |= -slope / 2 <= tolerance * np.abs(point.value)
        if done.all():
            return Minimum(parameters=point.parameters, value=point.value, iterations=iteration)
        direction[done], slope[done] = 0.0, 0.0
        following, moved = _step(function, point, direction, slope)
        done |= ~moved
        pairs.append(_pair(point, following))
        point = following
    return Minimum(parameters=point.parameters, value=point.value, iterations=iterations)


def _inverse_hessian(pairs: deque[_Pair], metric: Map, gradient: Parameters) -> Parameters:
    rest = gradient.copy()
    parts: list[PerProblem] = []
    for pair in reversed(pairs):
        parts.append(pair.inverse * inner(pair.step, rest))
        rest -= _times(parts[-1], pair.change)
    result = metric(rest)
    for pair, part in zip(pairs, reversed(parts), strict=True):
        result += _times(part - pair.inverse * inner(pair.change, result), pair.step)
    return result


def _step(
    function: Function, point: _Point, direction: Parameters, slope: PerProblem
) -> tuple[_Point, NDArray[np.bool_]]:
    """The point after the step, and which problems moved; one that finds no descent stays where it is."""
    length = np.ones(len(slope))
    for _ in range(SHORTENINGS):
        reached = point.parameters + _times(length, direction)
        following = _Point(reached, *function(reached))
        descends = _descends(point, following, direction, length * slope)
        if descends.all():
            return following, descends
        length = np.where(descends, length, length * _shortening(point, following, length * slope))
    length = np.where(descends, length, 0.0)
    reached = point.parameters + _times(length, direction)
    return _Point(reached, *function(reached)), descends


def _descends(point: _Point, following: _Point, direction: Parameters, promised: PerProblem) -> NDArray[np.bool_]:
    """Whether a step keeps enough of the promised descent, or is flatter at its end (after Hager and Zhang 2005)."""
    enough = following.value <= point.value + DESCENT * promised
    as_low = following.value <= point.value + NOISE * np.abs(point.value)
    before, after = inner(point.gradient, direction), inner(following.gradient, direction)
    return enough | (as_low & (np.abs(after) <= FLATTER * np.abs(before)))


def _shortening(point: _Point, following: _Point, promised: PerProblem) -> PerProblem:
    """Where the parabola through both values with the slope at point is lowest, within 0.1 and 0.5 of the step."""
    bend = following.value - point.value - promised
    lowest = np.divide(-promised, 2 * bend, out=np.full(len(promised), 0.5), where=bend > 0)
    clipped: PerProblem = np.clip(lowest, 0.1, 0.5)
    return clipped


def _pair(point: _Point, following: _Point) -> _Pair:
    step, change = following.parameters - point.parameters, following.gradient - point.gradient
    curvature = inner(step, change)  # positive, as the problems are convex, but for noise
    useful = curvature > 1e-12 * np.sqrt(inner(step, step) * inner(change, change))
    inverse = np.divide(1.0, curvature, out=np.zeros(len(curvature)), where=useful)
    return _Pair(step=step, change=change, inverse=inverse)


def _times(factors: PerProblem, parameters: Parameters) -> Parameters:
    product: Parameters = factors[:, None, None] * parameters
    return product
