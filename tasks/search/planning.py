"""Which fits score all candidates, and which of them are worked on together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from tasks.search.canonical import text

MOST_TOGETHER = 32  # candidates of a batch: few enough that progress shows and the ledger fills meanwhile

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Fit:
    """One fit on the training rows of a fold, and the candidates it serves."""

    fold: int
    preparation: Parameters
    """Parameters of the steps before the model, by their full names."""
    params: Parameters
    """Parameters of the model that all candidates have in common, by the model's own names."""
    settings: tuple[Parameters, ...]
    """Of each candidate, its values of the parameters that one fit serves (`SharedFit`)."""
    candidates: tuple[int, ...]


Batch = tuple[Fit, ...]
"""Fits on the same prepared rows of the same fold."""


def plan(estimator: BaseEstimator, candidates: Sequence[Parameters], n_folds: int) -> list[Fit]:
    """Distinct fits that score every candidate on every fold, candidates in the order given."""
    model, prefix = final_step(estimator)
    shared = {prefix + name for name in getattr(model, "shared_parameters", ())}
    groups: dict[str, list[int]] = {}
    for i, candidate in enumerate(candidates):
        rest = {name: value for name, value in candidate.items() if name not in shared}
        groups.setdefault(text(rest), []).append(i)
    return [
        _fit(fold, [candidates[i] for i in members], tuple(members), shared, prefix)
        for members in groups.values()
        for fold in range(n_folds)
    ]


def _fit(
    fold: int, candidates: Sequence[Parameters], members: tuple[int, ...], shared: set[str], prefix: str
) -> Fit:
    common = {name: value for name, value in candidates[0].items() if name not in shared}
    return Fit(
        fold,
        {name: value for name, value in common.items() if not name.startswith(prefix)},
        _own({name: value for name, value in common.items() if name.startswith(prefix)}, prefix),
        tuple(_own({n: v for n, v in c.items() if n in shared}, prefix) for c in candidates),
        members,
    )


def _own(params: Parameters, prefix: str) -> Parameters:
    return {name.removeprefix(prefix): value for name, value in params.items()}


def batches(fits: Sequence[Fit], workers: int) -> list[Batch]:
    """All fits, about one batch a worker, so that what a batch yields can be scored in one pass."""
    groups: dict[tuple[int, str], list[Fit]] = {}
    for fit in fits:
        groups.setdefault((fit.fold, text(fit.preparation)), []).append(fit)
    return [batch for group in groups.values() for batch in _dealt(group, workers)]


def _dealt(fits: Sequence[Fit], workers: int) -> list[Batch]:
    candidates = sum(len(fit.candidates) for fit in fits)
    rounds = -(-candidates // (MOST_TOGETHER * workers))
    count = min(len(fits), rounds * workers)
    # dealt out like cards: along a grid fits grow longer, and each batch gets some of all lengths
    return [tuple(fits[i::count]) for i in range(count)]


def final_step(estimator: BaseEstimator) -> tuple[BaseEstimator, str]:
    """The model at the end of a pipeline, and the prefix of its parameters' names."""
    if isinstance(estimator, Pipeline):
        name, model = estimator.steps[-1]
        return model, f"{name}__"
    return estimator, ""
