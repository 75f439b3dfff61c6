"""Intervals and tests for scores of cross-validation, whose folds share training rows."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
LEVEL = 0.05
"""A difference counts as significant where its p-value is below this level."""

Scores = Sequence[float] | NDArray[np.float64]


def corrected_interval(
    scores: Scores, n_train: float, n_test: float, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Interval of the mean of cross-validation scores, or of their differences, by a corrected variance.

    Parameters
    ----------
    scores : sequence of float
        One score for each fold, of all repeats.
    n_train, n_test : float
        Number of rows in the training part and in the test part of a fold; only their ratio matters.
    confidence : float
        Probability that the interval covers the mean.

    Returns
    -------
    low, high : float

    References
    ----------
    Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52 (2003), section 4.
    """
    error = _corrected_error(scores, n_test / n_train)
    half = stats.t.ppf((1 + confidence) / 2, np.size(scores) - 1) * error
    mean = float(np.mean(scores))
    return mean - half, mean + half


def corrected_p_value(differences: Scores, n_train: float, n_test: float) -> float:
    """Two-sided p-value that the mean of paired differences is zero, by the corrected resampled t-test.

    Parameters
    ----------
    differences : sequence of float
        Difference of two scores for each fold, of all repeats.
    n_train, n_test : float
        Number of rows in the training part and in the test part of a fold; only their ratio matters.
    """
    error = _corrected_error(differences, n_test / n_train)
    mean = float(np.mean(differences))
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stats.t.sf(abs(mean) / error, np.size(differences) - 1))


def _corrected_error(values: Scores, ratio: float) -> float:
    # folds share training rows, so that their scores vary together: the naive 1/n is too small
    return math.sqrt((1 / np.size(values) + ratio) * float(np.var(values, ddof=1)))


def split_sizes(folds: int) -> tuple[int, int]:
    """Relative sizes of the training part and of the test part of a split, for `corrected_interval`.

    Parameters
    ----------
    folds : int
        Number of folds of a cross-validation; 0 for parts of one hold-out, whose scores share one model and no rows,
        so that their variance needs no correction.
    """
    return (folds - 1, 1) if folds else (1, 0)


def wilson_interval(share: float, rows: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Interval of a share that was counted on rows, which stays within 0 and 1.

    Parameters
    ----------
    share : float
        Share of the rows, for example an accuracy.
    rows : int
        Number of rows.
    confidence : float
        Probability that the interval covers the share.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    """
    interval = stats.binomtest(round(share * rows), rows).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)
