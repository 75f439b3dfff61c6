"""Squared Euclidean distances of two rows, for use inside compiled kernels.

The functions become part of the kernels that call them, so that they cost no call.
"""

from typing import Any

from numba import njit
from numpy.typing import NDArray

Array = NDArray[Any]


@njit(nogil=True, cache=True, inline="always")
def squared_distance(A: Array, i: int, B: Array, j: int) -> float:  # pragma: no cover
    """Squared distance of two rows, summed in float64 in the order of the features.

    Parameters
    ----------
    A, B : ndarray of shape (n_rows, n_features), float64 (one of them may be float32)
        Arrays that hold the rows.
    i, j : int
        Number of the row in `A` and of the row in `B`.
    """
    total = 0.0
    for k in range(A.shape[1]):
        difference = A[i, k] - B[j, k]
        total += difference * difference
    return total


@njit(nogil=True, cache=True, inline="always")
def squared_distance_to_center(
    X: Array, i: int, shift: Array, centers: Array, c: int
) -> float:  # pragma: no cover
    """Squared distance of a row to a centre that has been shifted, in the dtype of `X`.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
        Rows as they are given.
    i : int
        Number of the row.
    shift : ndarray of shape (n_features,), dtype of `X`
        Shift, which is subtracted from the row here and has been subtracted from the centres.
    centers : ndarray of shape (n_clusters, at least n_features), dtype of `X`
        Shifted centres.
    c : int
        Number of the centre.
    """
    total: float = X.dtype.type(0)
    for k in range(X.shape[1]):
        difference = X[i, k] - shift[k] - centers[c, k]
        total += difference * difference
    return total
