"""Which model of a data set is the champion: one that a corrected paired test says is better."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from infra.settings import usable_cores
from tasks import models
from tasks.datasets.prepared import PreparedDataset
from tasks.evaluation import corrected_p_value
from tasks.registry import ALGORITHMS
from tasks.results import Cell, Evaluation

LEVEL = 0.05


@dataclass(frozen=True)
class Standing:
    """How a model did in cross-validation: its score on each fold, and which folds those were."""

    scores: list[float]
    scheme: str
    """Equal where data, folds and seed are equal: only then the scores are pairs."""
    folds: int
    first_look: bool = False
    """Whether it was a network's first look at some images, which is no measure for a whole training."""


@dataclass(frozen=True)
class Verdict:
    """What a newcomer becomes, and why, in one sentence."""

    alias: Literal["champion", "challenger"]
    reason: str


def best_of(evaluations: Sequence[Evaluation]) -> Evaluation | None:
    """The evaluated way with the highest mean; of equal ones the first."""
    return max(evaluations, key=lambda evaluation: evaluation.mean, default=None)


def fit_whole(dataset: PreparedDataset, cell: Cell, seed: int, folder: Path) -> Path:
    """Fit a cell's model on all rows of its data set, held-out ones too, and write it into `folder`."""
    X, y = dataset.load()
    model = ALGORITHMS[cell.algorithm].make(dataset, seed)
    model[-1].set_params(**cell.params)
    if dataset.task == "vision":
        model[-1].set_params(n_jobs=usable_cores())
    description = models.Description(
        dataset=dataset.name,
        sha256=dataset.sha256,
        task=dataset.task,
        algorithm=cell.algorithm,
        search=cell.search,
        params=cell.params,
        classes=dataset.classes,
        numeric=dataset.numeric,
        categorical=dataset.categorical,
        versions=models.library_versions(),
    )
    models.save(model.fit(X, y), description, folder)
    return folder


def standing(evaluation: Evaluation, dataset: PreparedDataset, seed: int) -> Standing:
    """Standing of an evaluated way to make a model."""
    scheme = f"{dataset.sha256[:12]} {evaluation.folds}x{evaluation.repeats} seed {seed} {evaluation.metric}"
    first_look = dataset.task == "vision" and dataset.epochs is None
    return Standing(evaluation.scores, scheme, evaluation.folds, first_look)


def judge(newcomer: Standing, champion: Standing | None) -> Verdict:
    """Compare a newcomer with the champion by the corrected resampled t-test (Nadeau and Bengio, 2003)."""
    if champion is None:
        return Verdict("champion", "there was no champion before")
    if champion.first_look and not newcomer.first_look:
        return Verdict("champion", "the champion before was of a first look at some of the images")
    if champion.scheme != newcomer.scheme:
        return Verdict(
            "challenger",
            f"the champion was cross-validated on other folds ({champion.scheme}): no paired test is possible",
        )
    differences = np.subtract(newcomer.scores, champion.scores)
    p = corrected_p_value(differences, newcomer.folds - 1, 1)
    gain = float(differences.mean())
    better = gain > 0 and p < LEVEL
    words = f"mean difference to the champion {gain:+.4f}, corrected p = {p:.3f}"
    return Verdict("champion" if better else "challenger", words)
