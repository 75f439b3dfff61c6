"""Which models of a data set are drawn, and what is said of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.inspection import permutation_importance

from tasks.cells import training_rows
from tasks.datasets.prepared import PreparedDataset
from tasks.pictures import images, predictions
from tasks.pictures.clusters import components, silhouettes
from tasks.pictures.merges import dendrogram
from tasks.pictures.neighbours import k_distance_curve
from tasks.registry import ALGORITHMS, SCORING
from tasks.report.wording import parameter
from tasks.results import Cell, Evaluation, Picture

MOST_ROWS = 5_000
SHUFFLES = 10
SHOWN = ("n_clusters", "linkage", "eps", "min_samples")
"""Parameters that a caption names."""


class Fitted(NamedTuple):
    """The model of a cell, and the rows in the space that it was fitted in."""

    space: Any
    model: Any


def pictures(
    dataset: PreparedDataset, cells: Sequence[Cell], evaluations: Sequence[Evaluation] = ()
) -> list[Picture]:
    """Pictures of the best clustering of each algorithm and of what it saw, or of the best predictions."""
    done = [cell for cell in cells if cell.status == "completed"]
    if dataset.task == "vision":
        return _images(dataset, done)
    if dataset.task != "clustering":
        return _predictions(dataset, done, evaluations)
    winners = [max((c for c in done if c.algorithm == a), key=_score) for a in {c.algorithm: 0 for c in done}]
    winners.sort(key=_score, reverse=True)
    fitted = {cell.algorithm: _fitted(dataset, cell) for cell in winners}
    drawn = _side_by_side(dataset, [cell for cell in winners if "silhouette" in cell.metrics], fitted)
    for cell in winners:
        if cell.algorithm == "agglomerative":
            drawn.append(_merges(dataset, cell, fitted[cell.algorithm]))
        if cell.algorithm == "dbscan":
            drawn.append(_distances(dataset, cell, fitted[cell.algorithm]))
    return drawn


def _predictions(
    dataset: PreparedDataset, cells: Sequence[Cell], evaluations: Sequence[Evaluation]
) -> list[Picture]:
    """What the best way, by cross-validation if there was one, predicts for the held-out rows."""
    if not cells:
        return []
    means = {(e.algorithm, e.search): e.mean for e in evaluations}
    own = "holdout_r2" if dataset.task == "regression" else "holdout_accuracy"

    def standing(cell: Cell) -> float:
        if means:
            return means.get((cell.algorithm, cell.search), -math.inf)
        return cell.metrics.get(own, -math.inf)

    best = max(cells, key=standing)
    rows = training_rows(dataset)
    model = clone(ALGORITHMS[best.algorithm].make(dataset, 0))
    model[-1].set_params(**best.params)
    model.fit(rows.X, rows.y)
    predicted = model.predict(rows.X_test)
    way = f"{ALGORITHMS[best.algorithm].title}, {best.search}, on the {len(rows.y_test):,} held-out rows"

    def picture(title: str, words: str, png: str) -> Picture:
        return Picture(title=title, caption=f"{way}. {words}", dataset=dataset.name, png=png)

    score = SCORING[dataset.task]
    shuffled = permutation_importance(
        model, rows.X_test, rows.y_test, scoring=score, n_repeats=SHUFFLES, random_state=0
    )
    importance = picture(
        "What the predictions rest on",
        f"Each column shuffled {SHUFFLES} times; bars are means, lines standard deviations. Columns that tell the "
        "same can stand in for each other, and each then looks unimportant.",
        predictions.importances(list(rows.X), shuffled, score),
    )
    if dataset.task == "regression":
        words = "Dashed: predictions without error."
        return [
            picture("Predicted and true values", words, predictions.beside_true(rows.y_test, predicted)),
            importance,
        ]
    shares = _every_class(model, rows.X_test, len(dataset.classes))
    asked = rows.y_test, shares, dataset.classes
    return [
        picture(
            "Confusion matrix", "Counts.", predictions.confusion(rows.y_test, predicted, dataset.classes)
        ),
        picture("ROC curve", "Dashed: a coin.", predictions.roc(*asked)),
        picture(
            "Calibration",
            "On the dashed line a predicted probability is the share of rows that are of the class; each bin "
            "holds few rows, so that points stray from it by chance too.",
            predictions.calibration(*asked),
        ),
        importance,
    ]


def _images(dataset: PreparedDataset, cells: Sequence[Cell]) -> list[Picture]:
    """How the networks learned, and what the best of them by the held-out images takes for what."""
    if not cells:
        return []
    from tasks.vision import saving

    best = max(cells, key=lambda cell: cell.metrics["holdout_accuracy"])
    rows = training_rows(dataset)
    assert best.network is not None  # noqa: S101 (for the type checker)
    shares = _every_class(saving.load(best.network), rows.X_test, len(dataset.classes))
    way = f"{ALGORITHMS[best.algorithm].title}, {best.search} on {best.engine}"
    held_out = f"{way}, on the {len(rows.y_test):,} held-out images."
    first = {cell.search: cell for cell in reversed(cells)}
    drawn = [
        (
            "Learning curves",
            f"One line for each way to train, on {best.engine} or the first engine that has it. Batches are "
            "changed at random, so that training accuracy may lie below that on whole images.",
            images.learning_curves({name: cell.curve for name, cell in sorted(first.items())}),
        ),
        (
            "Confusion matrix",
            f"{held_out} Counts.",
            predictions.confusion(rows.y_test, shares.argmax(axis=1), dataset.classes),
        ),
    ]
    worst = images.worst_mistakes(rows.X_test, rows.y_test, shares, dataset.classes)
    if worst:
        words = f"{held_out} True class, what it was taken for, and how surely."
        drawn.append(("The surest mistakes", words, worst))
    return [Picture(title=t, caption=c, dataset=dataset.name, png=p) for t, c, p in drawn]


def _every_class(model: Any, X: Any, n_classes: int) -> Any:
    """Probabilities of all classes, of those too that the training rows lacked."""
    shares = np.zeros((len(X), n_classes))
    shares[:, model.classes_] = model.predict_proba(X)
    return shares


def _score(cell: Cell) -> float:
    """Silhouette; a clustering without one comes last."""
    return cell.metrics.get("silhouette", -math.inf)


def _fitted(dataset: PreparedDataset, cell: Cell) -> Fitted:
    X, _ = dataset.load()
    pipeline = clone(ALGORITHMS[cell.algorithm].make(dataset, 0))
    pipeline[-1].set_params(**cell.params)
    pipeline.fit(X)
    return Fitted(np.asarray(pipeline[:-1].transform(X)), pipeline[-1])


def _side_by_side(
    dataset: PreparedDataset, winners: Sequence[Cell], fitted: Mapping[str, Fitted]
) -> list[Picture]:
    """Clusters and silhouettes of the winners, the best first; nothing where none has a silhouette."""
    if not winners:
        return []
    space = fitted[winners[0].algorithm].space
    whole = {ALGORITHMS[cell.algorithm].title: fitted[cell.algorithm].model.labels_ for cell in winners}
    kept = _some_rows(list(whole.values()))
    labelings = {title: labels[kept] for title, labels in whole.items()}
    words = "; ".join(map(_words, winners))
    rows = f" {len(kept):,} of {len(space):,} rows are drawn." if len(kept) < len(space) else ""
    return [
        Picture(
            title="Clusters in the first two principal components",
            caption=f"The best of each algorithm by silhouette, the highest first: {words}. Each point is a row; "
            f"the axes name the share of variance.{rows}",
            dataset=dataset.name,
            png=components(space[kept], labelings),
        ),
        Picture(
            title="Silhouette of each row",
            caption=f"{words}. Rows left of zero lie nearer to another cluster than to their own; noise and "
            f"rows alone in their cluster count as zero.{rows}",
            dataset=dataset.name,
            png=silhouettes(space[kept], labelings),
        ),
    ]


def _some_rows(labelings: Sequence[Any]) -> Any:
    """Rows to draw: all or a sample, in which every cluster has one at least."""
    count = len(labelings[0])
    if count <= MOST_ROWS:
        return np.arange(count)
    drawn = np.random.default_rng(0).choice(count, MOST_ROWS, replace=False)
    firsts = [np.unique(labels, return_index=True)[1] for labels in labelings]
    return np.unique(np.concatenate([drawn, *firsts]))


def _merges(dataset: PreparedDataset, cell: Cell, fitted: Fitted) -> Picture:
    return Picture(
        title="Agglomerative clustering: the last merges",
        caption=f"{_words(cell)}. Two groups join at the height of their distance; lines below the cut have "
        "the colour of their cluster.",
        dataset=dataset.name,
        png=dendrogram(fitted.model),
    )


def _distances(dataset: PreparedDataset, cell: Cell, fitted: Fitted) -> Picture:
    return Picture(
        title="DBSCAN: how far rows are from their neighbours",
        caption=f"{_words(cell)}. Rows whose radius is eps or less are core rows; a curve that bends sharply "
        "tells dense rows from stray ones.",
        dataset=dataset.name,
        png=k_distance_curve(fitted.space, fitted.model.eps, fitted.model.min_samples),
    )


def _words(cell: Cell) -> str:
    chosen = [f"{name}={parameter(cell.params[name])}" for name in SHOWN if cell.params.get(name) is not None]
    title = ALGORITHMS[cell.algorithm].title
    return f"{title}, {cell.search}, {', '.join(chosen)}, {cell.space} space"
