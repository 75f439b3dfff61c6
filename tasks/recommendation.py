"""The recommendation of a study for a data set: one rule chooses the way to make a model.

The way with the highest score is recommended, with one exception: a cheaper way is recommended instead if the 95 %
interval of the paired difference shows that the cheaper way loses at most a margin. A difference that is not
significant does not show this.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tasks.problems import Problem
from tasks.report import wording
from tasks.results import Cell, Comparison, Evaluation, Recommendation, Way, fastest_of_each_way

SAME_TIME = 1.15
"""Factor below which two wall times count as the same, because each wall time is measured once."""

NORMAL_95 = 1.96
"""Half the width of a 95 % interval of a normal distribution, in standard errors."""


@dataclass(frozen=True)
class Candidate:
    """A way to make a model that can be recommended.

    Parameters
    ----------
    way : Way
        Algorithm and search.
    score : float
        Score by which candidates are ranked; higher is better.
    seconds : float
        Wall seconds to make the model.
    low, high : float, optional
        Ends of the 95 % interval of the score; None where the score has no interval.
    error : float
        Standard error of a score that is an estimate from sampled rows; 0 for other scores.
    basis : str
        Words that say how the score was measured.
    """

    way: Way
    score: float
    seconds: float
    low: float | None = None
    high: float | None = None
    error: float = 0.0
    basis: str = ""


Interval = tuple[float, float]
Loss = Callable[[Candidate, Candidate], Interval | None]
"""Function that gives the interval of a first candidate's score minus a second's; None: the interval is unknown."""


def recommend(
    dataset: str,
    problem: Problem,
    cells: Sequence[Cell],
    evaluations: Sequence[Evaluation],
    comparisons: Sequence[Comparison],
    margin: float,
) -> Recommendation:
    """Recommend a way to make a model, and an engine for it.

    The cross-validated means decide; without a cross-validation, the figures of the completed cells decide.

    Parameters
    ----------
    dataset : str
        Name of the data set.
    problem : Problem
        The problem of the data set.
    cells : sequence of Cell
        The cells of the data set.
    evaluations : sequence of Evaluation
        The cross-validated ways of the data set.
    comparisons : sequence of Comparison
        The paired differences between the evaluations.
    margin : float
        Largest loss of score that is accepted for a cheaper way, in units of the metric: 0.01 is one point of accuracy.
    """
    done = [cell for cell in cells if cell.status == "completed"]
    if evaluations:
        found = [Candidate(e.way, e.mean, e.seconds, e.low, e.high, basis=e.basis) for e in evaluations]
        return _chosen(dataset, done, found, evaluations[0].metric, margin, _paired(comparisons))
    sound = [cell for cell in done if problem.objection(cell) is None]
    found = _measured(sound, problem)
    if not found:
        return Recommendation(dataset=dataset, algorithm=None, reason=_why_none(done, problem))
    loss = _on_all_rows if problem.exact else _unknown
    chosen = _chosen(dataset, done, found, problem.ranking, margin, loss)
    objections = _objections([cell for cell in done if cell not in sound], problem)
    return chosen.model_copy(update={"reason": " ".join([chosen.reason, *objections])})


def _measured(cells: Sequence[Cell], problem: Problem) -> list[Candidate]:
    """Candidates from the cells with a finite figure, one for each way: the cell of the fastest engine."""
    finite = [cell for cell in cells if math.isfinite(cell.metrics.get(problem.ranking, math.nan))]
    fastest = fastest_of_each_way(finite)
    error = f"{problem.ranking}_error"
    return [
        Candidate(
            way,
            cell.metrics[problem.ranking],
            cell.usage.wall_s,
            error=cell.metrics.get(error, 0.0),
            basis=problem.basis(cell),
        )
        for way, cell in fastest.items()
    ]


def _paired(comparisons: Sequence[Comparison]) -> Loss:
    intervals: dict[tuple[str, str], Interval] = {}
    for one in comparisons:
        intervals[one.first, one.second] = (one.low, one.high)
        intervals[one.second, one.first] = (-one.high, -one.low)
    return lambda first, second: intervals.get((str(first.way), str(second.way)))


def _on_all_rows(first: Candidate, second: Candidate) -> Interval:
    """Interval of a difference that is exact, or as wide as if the estimates had no sampled row in common."""
    difference = first.score - second.score
    if difference == 0:  # the same clusters: estimates from the same rows differ where clusters do
        return 0.0, 0.0
    half = NORMAL_95 * math.hypot(first.error, second.error)
    return difference - half, difference + half


def _unknown(_first: Candidate, _second: Candidate) -> None:
    return None


def _chosen(
    dataset: str,
    cells: Sequence[Cell],
    candidates: Sequence[Candidate],
    metric: str,
    margin: float,
    loss: Loss,
) -> Recommendation:
    best = max(candidates, key=lambda one: (round(one.score, 9), -one.seconds))
    cheaper = [one for one in candidates if _is_cheaper(one, best) and _loses_little(best, one, loss, margin)]
    limit = SAME_TIME * min((one.seconds for one in cheaper), default=0.0)
    chosen = max((one for one in cheaper if one.seconds <= limit), key=lambda one: one.score, default=best)
    engines = [cell for cell in cells if cell.way == chosen.way]
    return Recommendation(
        dataset=dataset,
        algorithm=chosen.way.algorithm,
        search=chosen.way.search,
        engine=min(engines, key=lambda cell: cell.usage.wall_s).engine if engines else None,
        metric=metric,
        score=chosen.score,
        low=chosen.low,
        high=chosen.high,
        basis=chosen.basis,
        reason=_why(best, chosen, candidates, metric, margin, loss),
    )


def _is_cheaper(one: Candidate, best: Candidate) -> bool:
    return one is not best and one.seconds * SAME_TIME < best.seconds


def _loses_little(best: Candidate, one: Candidate, loss: Loss, margin: float) -> bool:
    interval = loss(best, one)
    return interval is not None and interval[1] <= margin


def _why(
    best: Candidate,
    chosen: Candidate,
    candidates: Sequence[Candidate],
    metric: str,
    margin: float,
    loss: Loss,
) -> str:
    allowed = wording.gap(margin, metric)
    name = wording.metric_name(metric)
    if len(candidates) == 1:
        return "No other way was measured."
    if chosen is not best:
        low, high = loss(best, chosen) or (math.nan, math.nan)
        span = _span(low, high, metric)
        return (
            f"{best.way} has the highest {name}, {wording.score(best.score, metric)}, but takes "
            f"{wording.duration(best.seconds)} instead of {wording.duration(chosen.seconds)}; its lead is {span}, "
            f"within the margin of {allowed}."
        )
    if not any(_is_cheaper(one, best) for one in candidates):
        return f"{best.way} has the highest {name}, and no other way is cheaper."
    return f"{best.way} has the highest {name}, and no cheaper way is shown to be within the margin of {allowed}."


def _span(low: float, high: float, metric: str) -> str:
    if low == high:
        return wording.gap(high, metric)
    unit = " points" if wording.is_share(metric) else ""
    scale, decimals = (100, 1) if unit else (1, 3)
    return f"{scale * low:.{decimals}f} to {scale * high:.{decimals}f}{unit} (95 % interval)"


def _objections(cells: Sequence[Cell], problem: Problem) -> list[str]:
    """Sentence that names the ways that were not considered, each with its reason."""
    reasons = {str(cell.way): reason for cell in cells if (reason := problem.objection(cell))}
    if not reasons:
        return []
    named = [f"{way} ({reason})" for way, reason in reasons.items()]
    return [f"Not considered: {wording.listing(named)}."]


def _why_none(cells: Sequence[Cell], problem: Problem) -> str:
    if not cells:
        return "No cell completed."
    return " ".join(["No model has a score that can be trusted.", *_objections(cells, problem)])
