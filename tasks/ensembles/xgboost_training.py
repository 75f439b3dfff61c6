"""One XGBoost fit: in one process, or among the members of a group that hold shards of the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from infra.engines.blocks import Block
from infra.engines.collective import Communicator
from tasks.ensembles.training_rows import Rows, TrainingRows, training_rows
from tasks.ensembles.xgboost_collective import xgboost_collective
from tasks.ensembles.xgboost_matrix import binned_rows, matrix

Array = NDArray[Any]
Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class XGBoostPlan:
    """Parameters that all members of a fit have."""

    parameters: Parameters
    """XGBoost's own parameters, without the objective; with `seed` and `nthread`."""
    rounds: int
    """Boosting rounds, at most."""
    patience: int | None
    """Rounds without a lower loss on the validation rows after which training stops; None: never."""
    validation_fraction: float
    """Share of the rows to validate on, if training can stop early."""
    classification: bool
    on_disk: bool = False
    """Whether the binned rows are kept in temporary files, which each round reads; not with `patience`."""


@dataclass(frozen=True)
class XGBoostModel:
    """A trained model."""

    booster: xgb.Booster
    losses: list[float]
    """Loss on the validation rows after each round; empty without early stopping."""
    classes: Array | None
    """Class labels; None for a regression."""


def train_xgboost(blocks: Sequence[Block], communicator: Communicator, plan: XGBoostPlan) -> XGBoostModel:
    """Train on the rows of all members together; every member ends with the same trees.

    Parameters
    ----------
    blocks : sequence of tuple of ndarray
        Rows of this member, each block `(X, y)` or `(X, y, weights)`.
    communicator : Communicator
        This member of the group.
    plan : XGBoostPlan
        Parameters of the training.

    Raises
    ------
    ParameterError
        If the targets do not fit the problem.
    EngineError
        If XGBoost fails at a member, or a member is lost.
    """
    rows, classes = training_rows(blocks, communicator, classification=plan.classification)
    parameters = {**plan.parameters, **_objective(classes)}
    with xgboost_collective(communicator):
        booster, losses = _boost(rows, parameters, plan)
    return XGBoostModel(booster, losses, classes)


def predict_xgboost(X: Array, booster: xgb.Booster, rounds: int, threads: int) -> Array:
    """Predict rows with the first boosting rounds of a model.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
        Features.
    booster : xgboost.Booster
        The model.
    rounds : int
        Number of rounds to use.
    threads : int
        Number of threads that prepare the rows.

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_classes), float32
        Outputs in the scale of the objective.
    """
    return np.asarray(booster.predict(xgb.DMatrix(X, nthread=threads), iteration_range=(0, rounds)))


def _objective(classes: Array | None) -> dict[str, Any]:
    if classes is None:
        return {"objective": "reg:squarederror"}
    if len(classes) == 2:
        return {"objective": "binary:logistic"}
    return {"objective": "multi:softprob", "num_class": len(classes)}


def _boost(rows: Rows, parameters: Parameters, plan: XGBoostPlan) -> tuple[xgb.Booster, list[float]]:
    """Boost trees; also give the loss on the validation rows after each round."""
    if plan.patience is not None:
        return _boost_until_no_gain(rows.joined(), parameters, plan, plan.patience)
    with binned_rows(rows, parameters, plan.on_disk) as data:
        return _boost_all_rounds(data, parameters, plan.rounds), []


def _boost_until_no_gain(
    rows: TrainingRows, parameters: Parameters, plan: XGBoostPlan, patience: int
) -> tuple[xgb.Booster, list[float]]:
    training, validation = _split(rows, plan)
    data = matrix(rows[training], parameters)
    losses: dict[str, dict[str, list[float]]] = {}
    booster = xgb.train(
        dict(parameters),
        data,
        plan.rounds,
        evals=[(matrix(rows[validation], parameters, data), "validation")],
        early_stopping_rounds=patience,
        evals_result=losses,
        verbose_eval=False,
    )
    return booster, next(iter(losses["validation"].values()))


def _boost_all_rounds(data: xgb.DMatrix, parameters: Parameters, rounds: int) -> xgb.Booster:
    # `xgb.train` asks for callbacks at every round, and saves and loads the model at the end: a third of the
    # time of a small fit
    booster = xgb.Booster(dict(parameters), [data])
    for iteration in range(rounds):
        booster.update(data, iteration)
    return booster


def _split(rows: TrainingRows, plan: XGBoostPlan) -> tuple[Array, Array]:
    """Indices of the rows to train on, and of those to validate on."""
    training, validation = train_test_split(
        np.arange(len(rows)),
        test_size=plan.validation_fraction,
        random_state=plan.parameters["seed"],
        stratify=rows.y if plan.classification else None,
    )
    return np.sort(training), np.sort(validation)
