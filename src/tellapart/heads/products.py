"""Matrix products on scipy's BLAS, of float32 arrays unless it says otherwise.

numpy and scipy each bring a BLAS with threads of its own, and for some milliseconds after a call its threads spin. A
search that alternates between numpy's products and scipy's factorisations pays for both: on two cores a pair of
products takes 8.0 ms alternating and 3.7 ms on either one alone. The factorisations are scipy's, so the products are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

SMALL_ROWS = 10_000
Single = NDArray[np.float32]
Real = TypeVar("Real", NDArray[np.float32], NDArray[np.float64])


def product(left: Single, right: Single) -> Single:
    """Return left @ right for float32 arrays of either memory order, as a C-ordered array.

    A strided view is copied first. BLAS counts in columns, so what is computed is right.T @ left.T, whose transpose
    needs no copy.
    """
    from scipy.linalg.blas import sgemm  # 0.2 s, and only a search needs it

    first, first_transposed = _by_column(right.T)
    second, second_transposed = _by_column(left.T)
    result: Single = sgemm(1.0, first, second, trans_a=first_transposed, trans_b=second_transposed).T
    return result


def add_outer_product(rows: Real, total: Real) -> Real:
    """Return total + rows.T @ rows in the lower triangle of total [d, d], in place where total is Fortran-ordered.

    Both are float32, or both float64.
    """
    from scipy.linalg.blas import get_blas_funcs

    result: Real = get_blas_funcs("syrk", (rows, total))(1.0, rows.T, beta=1.0, c=total, lower=1, overwrite_c=1)
    return result


def inverse_root(lower: Single, *, added: float) -> Single:
    """A lower triangle T with T.T @ T the inverse of (lower + added * identity), of which the lower triangle is read.

    Two products with T are many times as fast as two triangular solves, and their result is positive definite whatever
    the rounding. Where float32 cannot hold the Cholesky factor, more is added until it can.
    """
    from scipy.linalg.lapack import spotrf, strtri

    size = len(lower)
    added += float(np.finfo(np.float32).eps) * float(lower.diagonal().mean())
    while True:
        damped = np.array(lower, order="F")
        damped.flat[:: size + 1] += np.float32(added)
        factor, failed = spotrf(damped, lower=1, clean=1, overwrite_a=1)
        if not failed:
            root: Single = strtri(factor, lower=1, overwrite_c=1)[0]
            return root
        added *= 10


@contextlib.contextmanager
def one_thread_if_small(rows: int) -> Iterator[None]:
    """Let BLAS use one thread for products over up to SMALL_ROWS rows, while this context is open.

    Its threads wait for each other by spinning, at every one of thousands of small products. Where another process
    wants the same cores, that turned a search of 7 s into one of 6 minutes; on idle cores one thread costs a quarter
    more.
    """
    import scipy.linalg.blas  # noqa: F401 - only what is loaded can be limited

    with contextlib.nullcontext() if rows > SMALL_ROWS else one_thread():
        yield


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS use one thread while this context is open, in all threads.

    Where an engine has the cores, a product now and then is better done by the thread that wants it: the others would
    go on spinning behind it, which cost a core for some 30 ms each time.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield


def _by_column(matrix: Single) -> tuple[Single, int]:
    """A Fortran-ordered array and whether it is the transpose of matrix."""
    return (matrix, 0) if matrix.flags.f_contiguous else (matrix.T, 1)
