"""Which differences stand out of the noise: no sentence of the report claims one that does not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.report.selection import Way
from tasks.results import Comparison, Evaluation, StudyResult

LEVEL = 0.05
"""A difference counts where its p-value, corrected for the number of comparisons, is below this."""
SAME_TIME = 1.15
"""Wall times are measured once: a factor below this is called the same."""
SAME_SILHOUETTE = 0.01
"""Silhouettes closer than this are called the same: the seed alone moves them that far."""


@dataclass(frozen=True)
class Verdict:
    """A comparison with its metric, its p-value after Holm's correction, and whether it counts."""

    comparison: Comparison
    metric: str
    adjusted: float
    significant: bool


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (S. Holm, 1979, Scand. J. Statist. 6, 65-70)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def verdicts(result: StudyResult, dataset: str) -> list[Verdict]:
    """Return the comparisons of a data set, judged together; one without a p-value is never significant."""
    comparisons = [c for c in result.comparisons if c.dataset == dataset]
    tested = [c.p_value if math.isfinite(c.p_value) else 1.0 for c in comparisons]
    metrics = {str(Way(e.algorithm, e.search)): e.metric for e in evaluations_of(result, dataset)}
    return [
        Verdict(c, metrics.get(c.first, metrics.get(c.second, "")), p, p < LEVEL)
        for c, p in zip(comparisons, holm(tested), strict=True)
    ]


def evaluations_of(result: StudyResult, dataset: str) -> list[Evaluation]:
    """Cross-validated evaluations of a data set."""
    return [e for e in result.evaluations if e.dataset == dataset]


def find_verdict(judged: Sequence[Verdict], a: Way, b: Way) -> Verdict | None:
    """Return the verdict on two ways to make a model, whichever of them is named first."""
    pair = {str(a), str(b)}
    return next((v for v in judged if {v.comparison.first, v.comparison.second} == pair), None)


def evaluations_differ(a: Evaluation, b: Evaluation, judged: Sequence[Verdict]) -> bool:
    """Whether two evaluations differ beyond the noise: by their test or, without one, by their intervals."""
    verdict = find_verdict(judged, Way(a.algorithm, a.search), Way(b.algorithm, b.search))
    if verdict is not None:
        return verdict.significant
    return a.low > b.high or b.low > a.high


def standard_error(share: float, rows: int) -> float:
    """Return the standard error of a share measured on a number of rows."""
    return math.sqrt(share * (1 - share) / rows)


def shares_differ(a: float, b: float, rows: int) -> bool:
    """Whether two shares, each measured on as many rows, differ by more than 1.96 standard errors."""
    return abs(a - b) > 1.96 * math.hypot(standard_error(a, rows), standard_error(b, rows))
