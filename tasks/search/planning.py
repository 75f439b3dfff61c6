"""The plan of a search: which fits score all candidates, and which fits run as one batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from infra.arithmetic import ceil_div
from tasks.search.canonical_json import canonical_json

MAX_BATCH_CANDIDATES = 32  # so few that progress is shown and the ledger is written while a search runs

Parameters = Mapping[str, Any]
"""Parameter values by parameter name."""


@dataclass(frozen=True)
class PlannedFit:
    """A fit on the training rows of a fold, and the candidates that the fit serves."""

    fold: int
    """Index of the fold."""
    preparation: Parameters
    """Parameters of the pipeline's steps before the model, by their full names (`scale__with_std`)."""
    params: Parameters
    """Parameters of the model that all candidates of the fit have in common, by the model's own names."""
    settings: tuple[Parameters, ...]
    """Values of the shared parameters (see `SharedFit`), one mapping for each candidate."""
    candidates: tuple[int, ...]
    """Indices of the candidates."""


Batch = tuple[PlannedFit, ...]
"""Fits on the same prepared rows of the same fold, which run as one item of work."""


def plan_fits(estimator: BaseEstimator, candidates: Sequence[Parameters], n_folds: int) -> list[PlannedFit]:
    """Plan the distinct fits that score every candidate on every fold.

    Parameters
    ----------
    estimator : estimator or Pipeline
        The estimator of the search.
    candidates : sequence of mapping of str to value
        Parameters of each candidate. Candidates that differ in shared parameters only share a fit.
    n_folds : int
        Number of folds.

    Returns
    -------
    list of PlannedFit
        The fits, in the order of their first candidates, and by fold.
    """
    model, prefix = final_step(estimator)
    shared = {prefix + name for name in getattr(model, "shared_parameters", ())}
    groups: dict[str, list[int]] = {}
    for i, candidate in enumerate(candidates):
        rest = {name: value for name, value in candidate.items() if name not in shared}
        groups.setdefault(canonical_json(rest), []).append(i)
    return [
        _planned_fit(fold, [candidates[i] for i in members], tuple(members), shared, prefix)
        for members in groups.values()
        for fold in range(n_folds)
    ]


def _planned_fit(
    fold: int, candidates: Sequence[Parameters], members: tuple[int, ...], shared: set[str], prefix: str
) -> PlannedFit:
    common = {name: value for name, value in candidates[0].items() if name not in shared}
    return PlannedFit(
        fold,
        {name: value for name, value in common.items() if not name.startswith(prefix)},
        _without_prefix({name: value for name, value in common.items() if name.startswith(prefix)}, prefix),
        tuple(_without_prefix({n: v for n, v in c.items() if n in shared}, prefix) for c in candidates),
        members,
    )


def _without_prefix(params: Parameters, prefix: str) -> Parameters:
    return {name.removeprefix(prefix): value for name, value in params.items()}


def plan_batches(fits: Sequence[PlannedFit], workers: int, rounds: int = 1) -> list[Batch]:
    """Divide all fits into batches; the models of a batch are scored in one pass.

    Parameters
    ----------
    fits : sequence of PlannedFit
        The fits.
    workers : int
        Number of workers.
    rounds : int, default=1
        Smallest number of batches for each worker; progress is shown after each batch.
    """
    groups: dict[tuple[int, str], list[PlannedFit]] = {}
    for fit in fits:
        groups.setdefault((fit.fold, canonical_json(fit.preparation)), []).append(fit)
    return [batch for group in groups.values() for batch in _divided(group, workers, rounds)]


def _divided(fits: Sequence[PlannedFit], workers: int, at_least: int) -> list[Batch]:
    candidates = sum(len(fit.candidates) for fit in fits)
    rounds = max(at_least, ceil_div(candidates, MAX_BATCH_CANDIDATES * workers))
    count = min(len(fits), rounds * workers)
    # later fits of a grid take longer, so each batch takes fits in strides to get short fits and long fits
    return [tuple(fits[i::count]) for i in range(count)]


def final_step(estimator: BaseEstimator) -> tuple[BaseEstimator, str]:
    """Return the model at the end of a pipeline, and the prefix of the model's parameter names."""
    if isinstance(estimator, Pipeline):
        name, model = estimator.steps[-1]
        return model, f"{name}__"
    return estimator, ""
