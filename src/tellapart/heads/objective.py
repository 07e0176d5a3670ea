"""The objective of a head, for a batch of problems that share one matrix and differ in which rows they train on.

For problem p with row weights w (0 or 1 / its number of rows), coordinates x, weights V and bias b, the objective is

    sum_n w_n * log_loss(softmax(x_n @ V.T + b), y_n)  +  l2 / 2 * sum(V ** 2)

The mean, not the sum, of the log loss, so that one strength means the same for 100 pictures and for 100,000, and for
all pictures and for the four fifths of a fold. The bias is not penalised: how common a class is costs nothing to say.

Legend: N pictures, P problems (folds, or 1), K classes, d coordinates; parameters float64 [P, K, d + 1], the bias last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tellapart.heads.dual_space import Space
from tellapart.heads.linear import row_blocks
from tellapart.heads.products import product
from tellapart.types import Labels

Parameters = NDArray[np.float64]  # [P, K, d + 1]
PerProblem = NDArray[np.float64]  # [P]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What minimise() minimises."""

    space: Space  # the coordinates of N pictures
    labels: Labels  # int64 [N]
    row_weights: NDArray[np.float32]  # float32 [N, P]
    l2: float  # the strength of the penalty

    def value_and_gradient(self, parameters: Parameters) -> tuple[PerProblem, Parameters]:
        """The objective [P] and its gradient [P, K, d + 1], in one pass over the matrix in blocks of rows."""
        problems, classes, width = parameters.shape
        loss = np.zeros(problems)
        pull = np.zeros((problems * classes, width - 1))
        residual_sum = np.zeros((problems, classes))
        weight, bias = scaled(self.space, parameters)
        for rows in row_blocks(len(self.labels)):
            block = self.space.block(rows)
            logits = (product(block, weight.T) + bias).reshape(-1, problems, classes)
            row_losses, probabilities = softmax_loss(logits, self.labels[rows])
            loss += np.einsum("np,np->p", row_losses, self.row_weights[rows], dtype=np.float64)
            residual = residuals(probabilities, self.labels[rows], self.row_weights[rows])
            residual_sum += residual.sum(axis=0, dtype=np.float64)
            pull += product(residual.reshape(len(block), -1).T, block)
        gradient = np.empty_like(parameters)
        pull -= residual_sum.reshape(-1, 1) * self.space.shift
        np.multiply(pull.reshape(problems, classes, -1), self.space.scale, out=gradient[..., :-1])
        gradient[..., :-1] += self.l2 * parameters[..., :-1]
        gradient[..., -1] = residual_sum
        return loss + self.l2 / 2 * squared_norm(parameters[..., :-1]), gradient


def scaled(space: Space, parameters: Parameters) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights [P * K, d] and bias [P * K] that apply to the matrix of the space as it stands."""
    weight = parameters[..., :-1] * space.scale
    bias = parameters[..., -1] - weight @ space.shift
    return weight.reshape(-1, weight.shape[-1]).astype(np.float32), bias.ravel().astype(np.float32)


def softmax_loss(logits: NDArray[np.floating[Any]], labels: Labels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log losses [n, P] and probabilities [n, P, K] of logits [n, P, K].

    In float64, because what is left of a picture told right, 1 - p, is what the weakest strengths still learn from.
    """
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    own = shifted[np.arange(len(labels)), :, labels]
    np.exp(shifted, out=shifted)
    total = shifted.sum(axis=-1)
    shifted /= total[..., None]
    return np.log(total) - own, shifted


def residuals(
    probabilities: NDArray[np.float64], labels: Labels, row_weights: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(probabilities - one hot of the label) * row weight, [n, P, K]; probabilities are overwritten."""
    probabilities[np.arange(len(labels)), :, labels] -= 1.0
    return np.multiply(probabilities, row_weights[..., None], dtype=np.float32, casting="same_kind")


def squared_norm(parameters: Parameters) -> PerProblem:
    return inner(parameters, parameters)


def inner(left: Parameters, right: Parameters) -> PerProblem:
    """The inner product of each problem's parameters, [P]."""
    products: PerProblem = np.einsum("pkd,pkd->p", left, right)
    return products
