"""The tests that decide whether a difference is beyond the noise, so that the report claims no other difference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.results import Comparison, Evaluation, Way
from tasks.significance import LEVEL

SAME_TIME = 1.15
"""Factor below which two wall times count as the same, because each wall time is measured once."""
SAME_SILHOUETTE = 0.01
"""Difference below which two silhouettes count as the same, because the seed alone can cause such a difference."""


@dataclass(frozen=True)
class JudgedComparison:
    """A comparison of two ways, judged together with the other comparisons of its data set.

    Parameters
    ----------
    comparison : Comparison
        The paired difference and its test.
    metric : str
        Metric of the difference.
    adjusted : float
        The p-value after Holm's correction.
    significant : bool
        Whether the adjusted p-value is below the level.
    """

    comparison: Comparison
    metric: str
    adjusted: float
    significant: bool

    def is_of(self, way: Way) -> bool:
        """Whether a way is one of the two that are compared."""
        return str(way) in (self.comparison.first, self.comparison.second)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for the number of tests (S. Holm, 1979, Scand. J. Statist. 6, 65-70)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def judged(comparisons: Sequence[Comparison], evaluations: Sequence[Evaluation]) -> list[JudgedComparison]:
    """Return the comparisons of a data set, judged together by Holm's correction."""
    metrics = {str(e.way): e.metric for e in evaluations}
    return [
        JudgedComparison(c, metrics.get(c.first, metrics.get(c.second, "")), p, p < LEVEL)
        for c, p in zip(comparisons, holm([c.p_value for c in comparisons]), strict=True)
    ]


def find_comparison(found: Sequence[JudgedComparison], a: Way, b: Way) -> JudgedComparison | None:
    """Return the comparison of two ways to make a model, in either order; None if there is no such comparison.

    Parameters
    ----------
    found : sequence of JudgedComparison
        The comparisons to look in.
    a, b : Way
        The two ways.
    """
    pair = {str(a), str(b)}
    return next((one for one in found if {one.comparison.first, one.comparison.second} == pair), None)


def evaluations_differ(a: Evaluation, b: Evaluation, found: Sequence[JudgedComparison]) -> bool:
    """Whether two evaluations differ beyond the noise: by their paired test or, without a test, by their intervals.

    Parameters
    ----------
    a, b : Evaluation
        The two evaluations, on the same folds.
    found : sequence of JudgedComparison
        The comparisons of the evaluations' data set.
    """
    comparison = find_comparison(found, a.way, b.way)
    if comparison is not None:
        return comparison.significant
    return a.low > b.high or b.low > a.high


def standard_error(share: float, rows: int) -> float:
    """Return the standard error of a share measured on a number of rows."""
    return math.sqrt(share * (1 - share) / rows)


def shares_differ(a: float, b: float, rows: int) -> bool:
    """Whether two shares differ by more than 1.96 standard errors.

    Parameters
    ----------
    a, b : float
        The two shares, from 0 to 1.
    rows : int
        Number of rows on which each share was measured.
    """
    return abs(a - b) > 1.96 * math.hypot(standard_error(a, rows), standard_error(b, rows))
