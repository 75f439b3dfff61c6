"""The decision whether a new model becomes the champion of its data set, by a corrected paired test."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from infra.settings import usable_cores
from tasks import models
from tasks.algorithms.base import ModelOptions
from tasks.datasets.prepared import PreparedDataset
from tasks.problems import problem_of
from tasks.registry import ALGORITHMS
from tasks.results import Evaluation, Parameter, Way
from tasks.significance import LEVEL, corrected_p_value, split_sizes

DIGITS = 6
"""Number of decimals of the fold scores in a standing. Both sides of a comparison are rounded alike, because a
difference that only rounding makes would look significant."""


@dataclass(frozen=True)
class Standing:
    """The cross-validation of a model: its score on each fold, and the name of these folds."""

    scores: list[float]
    scheme: str
    """Name of data, folds and seed; only scores of the same scheme can be paired."""
    folds: int
    """Number of folds; 0 if the scores are those of the parts of one hold-out."""
    first_look: bool = False
    """Whether the model was a first look at some of the images, which cannot be compared with a full training."""
    readable: bool = True
    """Whether this version of trilla can read the model; a model that cannot be read is of no use."""


@dataclass(frozen=True)
class Promotion:
    """The alias that a newcomer gets, and the reason in one sentence."""

    alias: Literal["champion", "challenger"]
    reason: str


def fit_whole(
    dataset: PreparedDataset,
    way: Way,
    params: Mapping[str, Parameter],
    options: ModelOptions,
    folder: Path,
) -> Path:
    """Fit a model on all rows of a data set, including the held-out rows, and write the model into a folder.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set.
    way : Way
        Algorithm and search of the model.
    params : mapping of str to value
        Parameters that the search found; empty for default parameters.
    options : ModelOptions
        Seed and budget of the model.
    folder : Path
        Folder of the model's files; a missing folder is made.
    """
    X, y = dataset.load()
    algorithm = ALGORITHMS[way.algorithm]
    model = algorithm.make(dataset, options)
    model[-1].set_params(**params)
    if algorithm.trains_in_epochs:  # nothing else runs at this time, so the training gets all cores
        model[-1].set_params(n_jobs=usable_cores())
    models.save(model.fit(X, y), description_of(dataset, way, params), folder)
    return folder


def description_of(dataset: PreparedDataset, way: Way, params: Mapping[str, Parameter]) -> models.Description:
    """Description of a model that was trained on a data set.

    Parameters
    ----------
    dataset : PreparedDataset
        The data set.
    way : Way
        Algorithm and search of the model.
    params : mapping of str to value
        Parameters of the model.
    """
    return models.Description(
        dataset=dataset.name,
        sha256=dataset.sha256,
        task=dataset.task,
        algorithm=way.algorithm,
        search=way.search,
        params=dict(params),
        recipe=dataset.recipe,
        images=dataset.images,
        value_range=dataset.value_range,
        versions=models.library_versions(),
    )


def standing(
    evaluation: Evaluation, dataset: PreparedDataset, seed: int, epochs: int | None = None
) -> Standing:
    """Standing of an evaluated way to make a model.

    Parameters
    ----------
    evaluation : Evaluation
        The cross-validation of the way.
    dataset : PreparedDataset
        The data set.
    seed : int
        Seed of the folds.
    epochs : int, optional
        Epochs of a network's training; None: a first look.
    """
    folds = f"{evaluation.folds}x{evaluation.repeats}" if evaluation.folds else f"{evaluation.held_out} rows"
    scheme = f"{dataset.sha256[:12]} {folds} seed {seed} {evaluation.metric}"
    first_look = problem_of(dataset.task).is_first_look(ModelOptions(seed=seed, epochs=epochs))
    scores = [round(score, DIGITS) for score in evaluation.scores]
    return Standing(scores, scheme, evaluation.folds, first_look)


def judge(newcomer: Standing, champion: Standing | None) -> Promotion:
    """Compare a newcomer with the champion by the corrected resampled t-test (Nadeau and Bengio, 2003)."""
    if champion is None:
        return Promotion("champion", "there was no champion before")
    if not champion.readable:
        return Promotion(
            "champion", "the champion before was saved by another version of trilla, and cannot be used"
        )
    if champion.first_look and not newcomer.first_look:
        return Promotion("champion", "the champion before was a first look at some of the images")
    if champion.scheme != newcomer.scheme:
        return Promotion(
            "challenger",
            f"the champion was measured on other folds or rows ({champion.scheme}): no paired test is possible",
        )
    differences = np.subtract(newcomer.scores, champion.scores)
    p = corrected_p_value(differences, *split_sizes(newcomer.folds))
    gain = float(differences.mean())
    better = gain > 0 and p < LEVEL
    words = f"its mean differs from the champion's by {gain:+z.4f}, corrected p = {p:.3f}"
    return Promotion("champion" if better else "challenger", words)
