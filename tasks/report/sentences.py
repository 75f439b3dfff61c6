"""The findings of a study in words; no sentence claims a difference that is within the noise."""

from collections.abc import Sequence

from tasks.report import noise, wording
from tasks.report.column_words import warnings
from tasks.report.dataset_result import DatasetResult
from tasks.report.selection import (
    HOLDOUT_ROWS,
    algorithms,
    close,
    completed,
    engines_of,
    failed,
    fastest,
    quality,
    too_large,
)
from tasks.results import SEARCHES, Cell, Evaluation, StudyResult, Way
from tasks.significance import LEVEL

MANY_COMPARISONS = 6


def dataset_findings(data: DatasetResult) -> list[str]:
    """Return warnings, gain and cost of each search, the fastest engine, and whether engines agree."""
    first = (
        data.described.caution,
        *warnings(data.described),
        *size_lines(data.cells),
        *dict.fromkeys(note for cell in data.cells for note in cell.notes),
        *data.problem.findings(data.cells),
        *gains(data),
    )
    sentences = (*first, training_budget(data), engine_speed(data.cells))
    return [sentence for sentence in sentences if sentence] + engines_agreement(data.cells)


def short_findings(data: DatasetResult) -> list[str]:
    """Return the findings without the gains that the sentences of the comparisons already state."""
    told = gains(data) if 0 < len(data.comparisons) <= MANY_COMPARISONS else []
    return [sentence for sentence in dataset_findings(data) if sentence not in told]


def study_findings(result: StudyResult) -> list[str]:
    """Return the findings about the whole study: fits saved by sharing, trials kept, cells that failed."""
    return [s for s in (_economy(result), _kept(result), _failures(result)) if s]


def gains(data: DatasetResult) -> list[str]:
    """Return, for each search of each algorithm, the gain over the baseline and the cost in seconds."""
    ways = [Way(name, search) for name in algorithms(data.cells) for search in SEARCHES[1:]]
    return [sentence for way in ways if (sentence := _gain(data, way))]


def _gain(data: DatasetResult, searched: Way) -> str | None:
    base = Way(searched.algorithm, SEARCHES[0])
    mine = fastest(cell for cell in data.cells if cell.way == searched)
    other = fastest(cell for cell in data.cells if cell.way == base)
    if mine is None or other is None:
        return None
    words = _evaluated_gain(data, searched, base) or data.problem.gain_in_words(mine, other)
    cost = (
        f"The search took {wording.duration(mine.usage.wall_s)} on {mine.engine}, "
        f"the baseline {wording.duration(other.usage.wall_s)} on {other.engine}."
    )
    return f"{searched.algorithm}, {searched.search} search: {words} {cost}" if words else None


def _evaluated_gain(data: DatasetResult, searched: Way, base: Way) -> str | None:
    by_way = {evaluation.way: evaluation for evaluation in data.evaluations}
    mine, other = by_way.get(searched), by_way.get(base)
    if mine is None or other is None or mine.metric != other.metric:
        return None
    change = f"{wording.gap(mine.mean - other.mean, mine.metric)} {_side(mine.mean - other.mean)}"
    differ = noise.evaluations_differ(mine, other, data.comparisons)
    judgement = "beyond the noise" if differ else "within the noise, so no gain is shown"
    return (
        f"{wording.score(mine.mean, mine.metric)} {wording.metric_name(mine.metric)} {mine.basis}, "
        f"{change} the baseline{_because(data.comparisons, searched, base)}: {judgement}."
    )


def _because(found: Sequence[noise.JudgedComparison], searched: Way, base: Way) -> str:
    judged = noise.find_comparison(found, searched, base)
    if judged is None:
        return " (no paired test; judged by the two 95 % intervals)"
    return f" ({_p_words(judged.comparison.p_value, judged.adjusted)})"


def evaluation_headings(evaluations: Sequence[Evaluation]) -> tuple[str, str]:
    """Return the headings of the way and of the size of the measurement, in a table of evaluations."""
    if any(one.held_out for one in evaluations):
        return "measured on held-out rows", "held out"
    return "cross-validated", "repeats x folds"


def comparisons_in_words(data: DatasetResult) -> list[str]:
    """Return a sentence for each corrected comparison: the difference, the p-value, and the verdict.

    If there are many comparisons, only the significant ones of the recommended way have sentences, and the others are
    counted.
    """
    found = data.comparisons
    if len(found) <= MANY_COMPARISONS:
        return [_comparison(one) for one in found]
    significant = [one for one in found if one.significant]
    answer = data.recommendation.way if data.recommendation else None
    shown = [one for one in significant if answer is None or one.is_of(answer)]
    told = [_comparison(one) for one in shown]
    hidden, others = len(significant) - len(shown), [one.adjusted for one in found if not one.significant]
    if hidden:
        others_differ = "1 other difference is" if hidden == 1 else f"{hidden} other differences are"
        told.append(f"{others_differ} significant, each of them between two ways that are not recommended")
    if others:
        told.append(
            f"{len(others)} of the {len(found)} differences between these ways are not significant: "
            f"the smallest of their p-values, corrected for the number of comparisons, is {min(others):.2f}"
        )
    return told


def _comparison(judged: noise.JudgedComparison) -> str:
    c = judged.comparison
    same_algorithm = c.first.rpartition(" ")[0] == c.second.rpartition(" ")[0]
    second = c.second.rpartition(" ")[2] if same_algorithm else c.second
    size = wording.gap(c.difference, judged.metric)
    p = _p_words(c.p_value, judged.adjusted)
    if judged.significant:
        verb = "beats" if c.difference > 0 else "loses to"
        return f"{c.first} {verb} {second} by {size}, {p}: significant"
    return f"{c.first} is {size} {_side(c.difference)} {second}, {p}: not significant"


def _side(difference: float) -> str:
    rounded = round(difference, 9)  # as `wording.gap` does, so that no side is claimed for '0.0 points'
    return "above" if rounded > 0 else "below" if rounded < 0 else "from"


def _p_words(p: float, adjusted: float) -> str:
    words = wording.probability(p)
    if (p < LEVEL) == (adjusted < LEVEL):
        return words
    return f"{words}, {adjusted:.2f} after correction for the number of comparisons"


def training_budget(data: DatasetResult) -> str | None:
    """Return for how many epochs networks were trained, so that nobody takes a short training for a full one."""
    epochs = sorted({len(cell.curve) for cell in data.completed if cell.curve})
    if not epochs:
        return None
    span = f"{epochs[0]} to {epochs[-1]}" if len(epochs) > 1 else str(epochs[0])
    if data.described.epochs:
        return f"Each network was trained for {span} epochs; longer training usually gives higher scores."
    return (
        f"This is a first look: small networks, {data.described.rows:,} images, {span} epochs. With --epochs, for "
        "example --epochs 80, the full-size network is trained on all images."
    )


def engine_speed(cells: list[Cell]) -> str | None:
    """Return which engine was fastest over the cells that every engine completed; None for one engine."""
    done = completed(cells)
    engines = engines_of(done)
    ran = {(c.way, c.engine) for c in done}
    shared = {w for w, _ in ran if all((w, e) in ran for e in engines)}
    if len(engines) < 2 or not shared:
        return None
    total = {e: sum(c.usage.wall_s for c in done if c.engine == e and c.way in shared) for e in engines}
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
    groups = [[c for c in done if c.way == way] for way in dict.fromkeys(c.way for c in done)]
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
            f"Engines differ: {group[0].way}, {wording.metric_name(name)} {wording.listing(values)}."
        )
    if any(cell.params != group[0].params for cell in group):
        chosen = [f"{wording.parameters(c.params)} on {c.engine}" for c in group]
        found.append(f"Engines differ: {group[0].way} chose {'; '.join(chosen)}.")
    return found


def _precise(value: float | None, metric: str) -> str:
    return wording.score(value, metric, 2 if wording.is_share(metric) else 5)


def failure_lines(cells: list[Cell]) -> list[str]:
    """Return one line for each failed cell: the name of the cell and the reason of the failure."""
    return [wording.one_line(f"{c.algorithm} on {c.engine}, {c.search}: {reason(c)}") for c in failed(cells)]


def size_lines(cells: list[Cell]) -> list[str]:
    """Return one sentence for each estimate by which cells were not run, with the names of these cells."""
    by_reason: dict[str, list[Cell]] = {}
    for cell in too_large(cells):
        by_reason.setdefault(reason(cell), []).append(cell)
    return [
        wording.one_line(f"Not run, because the table is too large ({_places(found)}): {words}.")
        for words, found in by_reason.items()
    ]


def _places(cells: list[Cell]) -> str:
    searches = [search for search in SEARCHES if any(cell.search == search for cell in cells)]
    ways = f"{cells[0].algorithm} {wording.listing(searches)}"
    return f"{ways} on {wording.listing(engines_of(cells))}"


def reason(cell: Cell) -> str:
    """Return why a cell failed or was not run."""
    return cell.error or "no reason recorded"


def _economy(result: StudyResult) -> str | None:
    searched = [c for c in completed(result.cells) if c.trials and c.fits]
    trials = sum(len(c.trials) for c in searched)
    scores = sum(len(t.scores) for c in searched for t in c.trials)
    fits = sum(c.fits for c in searched)
    if not trials or fits >= scores:
        return None
    return (
        f"The {wording.count(trials, 'trial')} of all searches have {scores:,} scores on folds, computed with "
        f"{wording.count(fits, 'fit')}, because trials share computations."
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
