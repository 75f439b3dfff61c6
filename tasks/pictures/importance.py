"""Picture of the permutation importance of the columns that a model uses most."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance
from sklearn.metrics import get_scorer

from infra.progress import Progress
from tasks.datasets.preprocessing import input_columns
from tasks.pictures import predictions
from tasks.pictures.best_predictions import BestPrediction
from tasks.results import Picture

MOST_SHUFFLES = 10
FEWEST_SHUFFLES = 3
ROWS_OF_A_COLUMN = 60_000  # rows that the shuffles of a column predict together, within the bounds above
MOST_ROWS = 20_000  # largest number of rows that are predicted again for each shuffle
MOST_COLUMNS = 30  # largest number of columns that are shuffled: each shuffle costs a prediction of all rows


def importance_picture(best: BestPrediction, metric: str, progress: Progress | None = None) -> Picture:
    """Permutation importance of the columns that the model uses most, measured on the held-out rows.

    Parameters
    ----------
    best : BestPrediction
        The model and its held-out rows.
    metric : str
        Name of the score that decreases.
    progress : callable, optional
        Function that is called with the number of predictions that were made, and of all predictions.
    """
    X, y = best.split.X_test[:MOST_ROWS], best.split.y_test[:MOST_ROWS]
    columns = most_used_columns(best.model)[:MOST_COLUMNS]
    shuffles = min(MOST_SHUFFLES, max(FEWEST_SHUFFLES, ROWS_OF_A_COLUMN // len(X)))
    score = _score_with(X, metric, 1 + shuffles * len(columns), progress)
    shuffled = permutation_importance(
        best.model, X[columns], y, scoring=score, n_repeats=shuffles, random_state=0
    )
    left_out = X.shape[1] - len(columns)
    which = f"Each of the {len(columns)} columns that the model uses most" if left_out else "Each column"
    rows = f" on {len(X):,} of the held-out rows" if len(X) < len(best.split.X_test) else ""
    rest = f" The other {left_out:,} columns are not shuffled." if left_out else ""
    return best.picture(
        "Permutation importance of the columns",
        f"{which} is shuffled {shuffles} times{rows}; bars show the mean decrease of the score, lines its standard "
        f"deviation.{rest} If two columns hold the same information, one replaces the other, and both look "
        "unimportant.",
        predictions.importances(columns, shuffled, metric),
    )


def most_used_columns(model: Any) -> list[str]:
    """Columns of the prepared table, the one first that the model uses most.

    The use is the sum of the importances of the column's numbers: gains of a model of trees, or absolute coefficients
    of a linear model.

    Parameters
    ----------
    model : Pipeline
        The fitted pipeline, with the steps `prepare` and `model`.
    """
    is_linear = hasattr(model[-1], "coef_")
    uses = np.abs(np.atleast_2d(model[-1].coef_)).sum(axis=0) if is_linear else model[-1].feature_importances_
    use_of = dict.fromkeys(model[0].feature_names_in_, 0.0)
    for column, use in zip(input_columns(model[0]), uses, strict=True):
        use_of[column] += float(use)
    return sorted(use_of, key=lambda column: -use_of[column])


def _score_with(
    X: pd.DataFrame, metric: str, total: int, progress: Progress | None
) -> Callable[[Any, pd.DataFrame, Any], float]:
    """Scorer of rows whose other columns are those of `X`; it reports how many predictions were made."""
    scorer = get_scorer(metric)
    done = 0

    def score(model: Any, shuffled: pd.DataFrame, y: Any) -> float:
        nonlocal done
        rows = X.copy(deep=False)
        rows[shuffled.columns] = shuffled
        value = float(scorer(model, rows, y))
        done += 1
        if progress:
            progress(done, total)
        return value

    return score
