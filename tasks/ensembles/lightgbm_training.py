"""One LightGBM fit: in one process, or among the members of a group that hold shards of the rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from infra.engines.blocks import Block
from infra.engines.collective import Communicator
from infra.errors import EngineError, ParameterError
from tasks.ensembles import lightgbm_dataset
from tasks.ensembles.lightgbm_dataset import dataset, picked
from tasks.ensembles.lightgbm_network import lightgbm_network
from tasks.ensembles.training_rows import Rows, TrainingRows, training_rows

Array = NDArray[Any]


@dataclass(frozen=True)
class LightGBMPlan:
    """Parameters that all members of a fit have."""

    parameters: Mapping[str, Any]
    """LightGBM's own parameters, without the objective of a classification."""
    rounds: int
    """Boosting rounds, at most."""
    categorical: tuple[int, ...] = ()
    """Indices of the columns whose values are categories."""
    classification: bool = False
    class_weight: Any = None
    """None, "balanced" or the weights of the classes."""
    validation_fraction: float | None = None
    """Share of the rows to validate on; None: training does not stop early."""
    patience: int = 10
    """Rounds without a lower loss on the validation rows after which training stops."""
    seed: int = 0
    """Seed of the validation rows and of the rows that bins are found from."""


@dataclass(frozen=True)
class LightGBMModel:
    """A trained model."""

    classes: Array | None
    """Class labels; None for a regression."""
    model: str
    """LightGBM's own text form."""
    iterations: tuple[int, ...]
    """Number of iterations of the model after each round: a round that finds no split adds none."""
    best_round: int | None
    """Round, from 1, with the lowest validation loss; None without early stopping."""


def train_lightgbm(blocks: Sequence[Block], communicator: Communicator, plan: LightGBMPlan) -> LightGBMModel:
    """Train on the rows of all members together; every member ends with the same trees.

    All members agree on the classes. Bins are found from a random sample of the rows of all members, so the
    way in which rows are dealt to shards does not matter.

    Parameters
    ----------
    blocks : sequence of tuple of ndarray
        Rows of this member, each block `(X, y)` or `(X, y, weights)`.
    communicator : Communicator
        This member of the group.
    plan : LightGBMPlan
        Parameters of the training.

    Raises
    ------
    ParameterError
        If the targets do not fit the problem, or a shard has too few rows to validate on.
    EngineError
        If LightGBM fails at a member, or a member is lost.
    """
    rows, classes = training_rows(
        blocks, communicator, classification=plan.classification, class_weight=plan.class_weight
    )
    if plan.validation_fraction is None:
        return _agreed(lambda: _train(rows, None, classes, communicator, plan), communicator)
    held_out = held_out_rows(rows.y, plan, communicator.rank)
    _check_validation(held_out, communicator, plan)
    whole = rows.joined()
    return _agreed(
        lambda: _train(whole[~held_out], whole[held_out], classes, communicator, plan), communicator
    )


def predict_lightgbm(X: Array, booster: lgb.Booster, iterations: int, threads: int) -> Array:
    """Predict rows with the first iterations of a model.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
        Features.
    booster : lightgbm.Booster
        The model.
    iterations : int
        Number of iterations to use.
    threads : int
        Number of threads.

    Returns
    -------
    ndarray of shape (n_rows,) or (n_rows, n_classes), float64
        Outputs in the scale of the objective.
    """
    return np.asarray(booster.predict(X, num_iteration=iterations, num_threads=threads, verbosity=-1))


def held_out_rows(y: Array, plan: LightGBMPlan, rank: int = 0) -> Array:
    """Draw the validation rows of a shard by the seed; in a classification, the same share of each class.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
        Targets of the shard's rows; indices of classes in a classification.
    plan : LightGBMPlan
        Plan of the fit, with the share of the rows and the seed.
    rank : int, default=0
        Rank of the member that holds the shard: each member draws its own rows.

    Returns
    -------
    ndarray of shape (n_rows,), bool
        Whether a row is held out; none is without early stopping.
    """
    held_out = np.zeros(len(y), dtype=bool)
    if plan.validation_fraction is None:
        return held_out
    order = np.random.RandomState((plan.seed + rank) % 2**32).permutation(len(y))
    if plan.classification:
        order = order[np.argsort(y[order], kind="stable")]
    # with the rows in the order of their classes, hold out each row at which the running count of rows to
    # hold out passes a whole number
    running = np.ceil(plan.validation_fraction * np.arange(len(y) + 1) - 1e-9)
    held_out[order[np.diff(running) > 0]] = True
    return held_out


def _check_validation(held_out: Array, communicator: Communicator, plan: LightGBMPlan) -> None:
    counts = communicator.allgather((int(held_out.sum()), int((~held_out).sum())))
    if min(map(min, counts)) == 0:
        raise ParameterError(
            f"validation_fraction={plan.validation_fraction}: it must leave rows to train on and rows to "
            "validate on in each shard"
        )


def _agreed(train: Callable[[], LightGBMModel], communicator: Communicator) -> LightGBMModel:
    """Return what `train` returns, if it succeeds at all members.

    Members meet after the training, so that a lost member is distinguished from an error of the library.
    """
    trained, failure = None, None
    try:
        trained = train()
    except lgb.basic.LightGBMError as error:
        failure = str(error)
    failures = [found for found in communicator.allgather(failure) if found]
    if failures or trained is None:
        raise EngineError(f"LightGBM failed: {failures[0]}")
    return trained


def _train(
    rows: Rows,
    held_out: TrainingRows | None,
    classes: Array | None,
    communicator: Communicator,
    plan: LightGBMPlan,
) -> LightGBMModel:
    iterations: list[int] = []
    callbacks = [lambda env: iterations.append(env.model.current_iteration())]
    if held_out is not None:
        callbacks += _early_stopping(held_out.total_weight(), communicator, plan)
    bins = _bins(rows, communicator, plan)
    with lightgbm_network(communicator) as network_parameters:
        parameters = {**plan.parameters, **_objective(classes), **network_parameters}
        data = dataset(rows, parameters, plan.categorical, bins)
        validation = [] if held_out is None else [dataset(held_out, parameters, plan.categorical, data)]
        booster = lgb.train(
            parameters, data, plan.rounds, validation, callbacks=callbacks, keep_training_booster=True
        )
    best_round = None if held_out is None else booster.best_iteration
    return LightGBMModel(classes, booster.model_to_string(num_iteration=-1), tuple(iterations), best_round)


def _objective(classes: Array | None) -> dict[str, Any]:
    if classes is None:
        return {}
    if len(classes) == 2:
        return {"objective": "binary"}
    return {"objective": "multiclass", "num_class": len(classes)}


def _bins(rows: Rows, communicator: Communicator, plan: LightGBMPlan) -> lgb.Dataset | None:
    """A dataset with bins that are found from the rows of all members.

    LightGBM's network would find the bins of a feature from the rows of a single member, which differ from
    the rows of the others where the table is sorted.
    """
    if communicator.size == 1:
        return None
    share = len(rows) / sum(communicator.allgather(len(rows)))
    wanted = min(len(rows), round(lightgbm_dataset.BIN_ROWS * share))
    random = np.random.RandomState((plan.seed + communicator.rank) % 2**32)
    sample = picked(rows, np.sort(random.permutation(len(rows))[:wanted]))
    samples = np.concatenate(communicator.allgather(sample))
    return dataset(
        TrainingRows(samples, np.zeros(len(samples))), plan.parameters, plan.categorical
    ).construct()


def _early_stopping(
    weight: float, communicator: Communicator, plan: LightGBMPlan
) -> list[Callable[[Any], None]]:
    """Callbacks that stop all members at the same round."""
    stop = lgb.early_stopping(plan.patience, verbose=False)
    return [stop] if communicator.size == 1 else [_mean_losses(weight, communicator), stop]


def _mean_losses(weight: float, communicator: Communicator) -> Callable[[Any], None]:
    """Callback that replaces a member's validation losses by the means over the rows of all members."""

    def replace_losses(env: Any) -> None:
        found = env.evaluation_result_list
        everyone = communicator.allgather((weight, [entry[2] for entry in found]))
        weights = [member_weight for member_weight, _ in everyone]
        for i, (data, metric, _, higher_is_better) in enumerate(found):
            loss = float(np.average([losses[i] for _, losses in everyone], weights=weights))
            found[i] = lgb.EvalResult(data, metric, loss, higher_is_better)

    return replace_losses
