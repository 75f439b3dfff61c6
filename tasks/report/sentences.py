"""The findings of a study in words, derived from its records; none claims a difference inside the noise."""

import math

from tasks.report import noise, wording
from tasks.report.clusters import cluster_findings
from tasks.report.payoff import payoff
from tasks.report.selection import (
    HOLDOUT_ROWS,
    SEARCHES,
    Way,
    algorithms,
    cells_of,
    close,
    completed,
    engines_of,
    failed,
    fastest,
    holdout_rows,
    is_clustering,
    quality,
    quality_metric,
    space_of,
    way,
)
from tasks.results import Cell, Dataset, Evaluation, StudyResult

MANY_COMPARISONS = 6


def dataset_findings(result: StudyResult, dataset: str) -> list[str]:
    """Return what paid off, what to mind, gain and cost of each search, the fastest engine, if engines agree."""
    cells = cells_of(result, dataset)
    about = _about(result, dataset)
    first = (payoff(result, dataset), about and about.caution)
    found = (*first, *cluster_findings(cells), *gains(result, dataset))
    sentences = (*found, budget(result, dataset), engine_speed(cells))
    return [sentence for sentence in sentences if sentence] + engines_agreement(cells)


def _about(result: StudyResult, dataset: str) -> Dataset | None:
    return next((one for one in result.datasets if one.name == dataset), None)


def short_findings(result: StudyResult, dataset: str) -> list[str]:
    """Return the findings less the gains that the comparisons in words already tell."""
    told = gains(result, dataset) if 0 < len(noise.verdicts(result, dataset)) <= MANY_COMPARISONS else []
    return [sentence for sentence in dataset_findings(result, dataset) if sentence not in told]


def study_findings(result: StudyResult) -> list[str]:
    """Return what concerns all data sets: fits saved by sharing, trials kept, cells that failed."""
    return [s for s in (_economy(result), _kept(result), _failures(result)) if s]


def gains(result: StudyResult, dataset: str) -> list[str]:
    """Return, for each algorithm and search, its gain over the baseline and what it cost in seconds."""
    cells = cells_of(result, dataset)
    pairs = ((Way(a, s), Way(a, SEARCHES[0])) for a in algorithms(cells) for s in SEARCHES[1:])
    return [s for searched, base in pairs if (s := _gain(result, dataset, searched, base))]


def _gain(result: StudyResult, dataset: str, searched: Way, base: Way) -> str | None:
    cells = cells_of(result, dataset)
    mine = fastest(c for c in cells if way(c) == searched)
    other = fastest(c for c in cells if way(c) == base)
    if mine is None or other is None:
        return None
    words = _evaluated_gain(result, dataset, searched, base) or _measured_gain(
        mine, other, cells, is_clustering(result, dataset)
    )
    cost = (
        f"The search took {wording.duration(mine.usage.wall_s)} on {mine.engine}, "
        f"the baseline {wording.duration(other.usage.wall_s)} on {other.engine}."
    )
    return f"{searched.algorithm}, {searched.search} search: {words} {cost}" if words else None


def _evaluated_gain(result: StudyResult, dataset: str, searched: Way, base: Way) -> str | None:
    by_way = {Way(e.algorithm, e.search): e for e in noise.evaluations_of(result, dataset)}
    mine, other = by_way.get(searched), by_way.get(base)
    if mine is None or other is None or mine.metric != other.metric:
        return None
    judged = noise.verdicts(result, dataset)
    change = f"{wording.gap(mine.mean - other.mean, mine.metric)} {_side(mine.mean - other.mean)}"
    differ = noise.evaluations_differ(mine, other, judged)
    judgement = "beyond the noise" if differ else "within the noise, so no gain is shown"
    return (
        f"{wording.score(mine.mean, mine.metric)} {wording.metric_name(mine.metric)} in {scheme(mine)} "
        f"cross-validation, {change} the baseline{_because(judged, searched, base)}: {judgement}."
    )


def _because(judged: list[noise.Verdict], searched: Way, base: Way) -> str:
    verdict = noise.find_verdict(judged, searched, base)
    if verdict is None:
        return " (no paired test; judged by the two 95 % intervals)"
    p = verdict.comparison.p_value
    return f" ({_p_words(p, verdict.adjusted)})" if math.isfinite(p) else ""


def _measured_gain(mine: Cell, other: Cell, cells: list[Cell], clustering: bool) -> str | None:
    metric = quality_metric(cells)
    a, b = quality(mine, metric), quality(other, metric)
    if a is None:
        return None
    if b is None:
        return f"{wording.metric_name(metric)} {wording.score(a, metric)}, the baseline has none."
    words = (
        f"{wording.metric_name(metric)} {wording.score(a, metric)}, the baseline {wording.score(b, metric)}"
    )
    if not clustering:
        rows = holdout_rows(cells) if wording.is_share(metric) else None
        return f"{words}, {_holdout_judgement(a, b, rows)}."
    where = f" in the space '{space_of(mine)}'" if metric == "silhouette" and space_of(mine) else ""
    if abs(a - b) < noise.SAME_SILHOUETTE:
        return f"{words}{where}: the same, as far as a silhouette can tell."
    side = "higher" if a > b else "lower"
    return (
        f"{words}{where}: {wording.gap(a - b, metric)} {side} (one figure on all rows, without an interval)."
    )


def _holdout_judgement(a: float, b: float, rows: int | None) -> str:
    if rows is None:
        return "without an interval, so no difference is claimed"
    error = 100 * noise.standard_error(a, rows)
    basis = f"on {rows:,} rows with a standard error of {error:.1f} points"
    if noise.shares_differ(a, b, rows):
        return f"{basis}: more than the split explains, but only one split"
    return f"{basis}: within the noise, so no difference is shown"


def comparisons_in_words(result: StudyResult, dataset: str) -> list[str]:
    """Return the corrected comparisons, each with its difference, its p-value and what that means.

    Of many only those that count, and how many do not.
    """
    verdicts = noise.verdicts(result, dataset)
    if len(verdicts) <= MANY_COMPARISONS:
        return [_comparison(verdict) for verdict in verdicts]
    counting = [verdict for verdict in verdicts if verdict.significant]
    left = len(verdicts) - len(counting)
    least = min((v.adjusted for v in verdicts if not v.significant), default=1.0)
    rest = (
        f"{left} of the {len(verdicts)} differences between these are not significant: "
        f"the smallest p-value among them, corrected for their number, is {least:.2f}"
    )
    return [*(_comparison(verdict) for verdict in counting), *([rest] if left else [])]


def _comparison(verdict: noise.Verdict) -> str:
    c = verdict.comparison
    same_algorithm = c.first.rpartition(" ")[0] == c.second.rpartition(" ")[0]
    second = c.second.rpartition(" ")[2] if same_algorithm else c.second
    if not math.isfinite(c.p_value):
        alike = "has the same scores as" if c.difference == 0 else "cannot be tested against"
        return f"{c.first} {alike} {second}"
    size = wording.gap(c.difference, verdict.metric)
    p = _p_words(c.p_value, verdict.adjusted)
    if verdict.significant:
        verb = "beats" if c.difference > 0 else "loses to"
        return f"{c.first} {verb} {second} by {size}, {p}: significant"
    return f"{c.first} is {size} {_side(c.difference)} {second}, {p}: not significant"


def _side(difference: float) -> str:
    return "above" if difference > 0 else "below" if difference < 0 else "from"


def _p_words(p: float, adjusted: float) -> str:
    words = wording.probability(p)
    if (p < noise.LEVEL) == (adjusted < noise.LEVEL):
        return words
    return f"{words}, {adjusted:.2f} after correction for the number of comparisons"


def scheme(evaluation: Evaluation) -> str:
    """Return folds and repeats of an evaluation as '10 x 10' (repeats times folds)."""
    return f"{evaluation.repeats} x {evaluation.folds}"


def budget(result: StudyResult, dataset: str) -> str | None:
    """Return how long networks were trained: what a small budget shows is no network's last word."""
    about = _about(result, dataset)
    epochs = sorted({len(cell.curve) for cell in completed(cells_of(result, dataset)) if cell.curve})
    if not (about and epochs):
        return None
    span = f"{epochs[0]} to {epochs[-1]}" if len(epochs) > 1 else str(epochs[0])
    if about.epochs:
        return f"Each network was trained for {span} epochs; more of them usually score higher."
    return (
        f"This is a first look: small networks, {about.rows:,} images, {span} epochs. With --epochs 80, say, the "
        "usual network learns from all images."
    )


def engine_speed(cells: list[Cell]) -> str | None:
    """Return which engine was fastest over the cells that every engine completed; None for one engine."""
    done = completed(cells)
    engines = engines_of(done)
    ran = {(way(c), c.engine) for c in done}
    shared = {w for w, _ in ran if all((w, e) in ran for e in engines)}
    if len(engines) < 2 or not shared:
        return None
    total = {e: sum(c.usage.wall_s for c in done if c.engine == e and way(c) in shared) for e in engines}
    order = sorted(engines, key=lambda e: total[e])
    first, second = total[order[0]], total[order[1]]
    times = [f"{e} {wording.duration(total[e])}" for e in order]
    basis = f"for the {wording.count(len(shared), 'cell')} that every engine completed, each measured once"
    if second < noise.SAME_TIME * first:
        return f"No engine was clearly fastest: {wording.listing(times)} {basis}."
    others = [f"{e} took {wording.duration(total[e])}{_times(total[e], first)}" for e in order[1:]]
    return f"Fastest engine: {times[0]} {basis}; {wording.listing(others)}."


def _times(slower: float, faster: float) -> str:
    return f" ({slower / faster:.1f} times as long)" if faster else ""


def engines_agreement(cells: list[Cell]) -> list[str]:
    """Return 'Same scores on all engines', or one sentence for each score or choice that differs."""
    done = completed(cells)
    engines = engines_of(done)
    groups = [[c for c in done if way(c) == w] for w in dict.fromkeys(map(way, done))]
    groups = [group for group in groups if len(group) > 1]
    if not groups:
        return []
    differences = [s for group in groups for s in _differences(group)]
    return differences or [f"Same scores and the same choices on {wording.listing(engines)}."]


def _differences(group: list[Cell]) -> list[str]:
    names = dict.fromkeys(name for cell in group for name in cell.metrics if name != HOLDOUT_ROWS)
    found = []
    for name in names:
        if all(close(quality(group[0], name), quality(cell, name)) for cell in group):
            continue
        values = [f"{_precise(quality(c, name), name)} on {c.engine}" for c in group]
        found.append(
            f"Engines differ: {way(group[0])}, {wording.metric_name(name)} {wording.listing(values)}."
        )
    if any(cell.params != group[0].params for cell in group):
        chosen = [f"{wording.parameters(c.params)} on {c.engine}" for c in group]
        found.append(f"Engines differ: {way(group[0])} chose {'; '.join(chosen)}.")
    return found


def _precise(value: float | None, metric: str) -> str:
    return wording.score(value, metric, 2 if wording.is_share(metric) else 5)


def failure_lines(cells: list[Cell]) -> list[str]:
    """Return one line for each failed cell: what it was and why it failed."""
    return [wording.one_line(f"{c.algorithm} on {c.engine}, {c.search}: {reason(c)}") for c in failed(cells)]


def reason(cell: Cell) -> str:
    """Return why a cell failed."""
    return cell.error or "no reason recorded"


def _economy(result: StudyResult) -> str | None:
    searched = [c for c in completed(result.cells) if c.trials and c.fits]
    trials = sum(len(c.trials) for c in searched)
    scores = sum(len(t.scores) for c in searched for t in c.trials)
    fits = sum(c.fits for c in searched)
    if not trials or fits >= scores:
        return None
    return (
        f"Sharing computations, {wording.count(fits, 'fit')} gave the {scores:,} fold scores "
        f"of {wording.count(trials, 'trial')}."
    )


def _kept(result: StudyResult) -> str | None:
    if not result.resumed:
        return None
    return f"The study was resumed: {wording.count(result.kept, 'trial')} kept from the interrupted run."


def _failures(result: StudyResult) -> str | None:
    count = len(failed(result.cells))
    if not count:
        return None
    return f"{count} of {wording.count(len(result.cells), 'cell')} failed; the reasons are listed."
