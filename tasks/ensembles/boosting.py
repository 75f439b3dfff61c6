"""One LightGBM fit: in one process, or among the members of a group that hold shards of the rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from infra.engines.blocks import Block
from infra.engines.collective import Communicator
from infra.errors import EngineError
from tasks.ensembles.labels import agreed_classes, refused
from tasks.ensembles.network import network

Array = NDArray[Any]
BIN_ROWS = 200_000  # LightGBM's own default: rows that bins are found from


@dataclass(frozen=True)
class Plan:
    """What all members of a fit know."""

    parameters: Mapping[str, Any]
    """LightGBM's, but for the objective of a classification."""
    rounds: int
    categorical: tuple[int, ...] = ()
    classification: bool = False
    class_weight: Any = None
    """None, "balanced" or the weights of the classes."""
    validation_fraction: float | None = None
    """Share of the rows to stop early by; None: no early stopping."""
    n_iter_no_change: int = 10
    seed: int = 0


@dataclass(frozen=True)
class Boosted:
    """A fitted model, or what stands against it."""

    classes: Array | None
    model: str = ""
    iterations: tuple[int, ...] = ()
    """How many iterations the model had after each round: a round that finds no split adds none."""
    best_round: int | None = None
    refusal: str | None = None


@dataclass(frozen=True)
class Rows:
    """Rows to fit or to stop early by."""

    X: Array
    y: Array
    weights: Array | None = field(default=None)

    def __getitem__(self, index: Array) -> "Rows":
        return Rows(self.X[index], self.y[index], None if self.weights is None else self.weights[index])

    def total(self) -> float:
        """Sum of the weights."""
        return float(len(self.y)) if self.weights is None else float(self.weights.sum())


def boost(blocks: list[Block], communicator: Communicator, plan: Plan) -> Boosted | None:
    """Fit the rows of all members together; the first member has the result.

    A block is `(X, y)` or `(X, y, weights)`. Classes are agreed on by all members. Bins are found from a
    random sample of the rows of all, so that it does not matter how rows are dealt to shards.
    """
    arrays = [parts[0] if len(parts) == 1 else np.concatenate(parts) for parts in zip(*blocks, strict=True)]
    rows, classes = Rows(*arrays), None
    if plan.classification:
        classes, codes, counts = agreed_classes(rows.y, communicator)
        refusal = refused(classes, plan.class_weight)
        if refusal is not None:
            return Boosted(classes, refusal=refusal)
        rows = Rows(rows.X, codes, weighted(codes, rows.weights, class_weights(plan, classes, counts)))
    elif rows.y.dtype.kind not in "iufb":
        return Boosted(None, refusal=f"y: numbers are needed, found text such as {rows.y[0]!r}")
    held = held_out(rows.y if plan.classification else None, len(rows.y), plan, communicator.rank)
    if plan.validation_fraction is not None:
        counted = communicator.allgather((int(held.sum()), int((~held).sum())))
        if min(map(min, counted)) == 0:
            return Boosted(
                classes,
                refusal=f"validation_fraction={plan.validation_fraction}: it must leave rows to train on and "
                "rows to validate on in each shard",
            )
    trained = agreed(lambda: _train(rows, held, classes, communicator, plan), communicator)
    return trained if communicator.rank == 0 else None


def agreed(work: Callable[[], Boosted], communicator: Communicator) -> Boosted:
    """What `work` returns, if it succeeds for all members.

    Members meet after it, so that the loss of one is told apart from an error of the library.
    """
    result, failure = None, None
    try:
        result = work()
    except lgb.basic.LightGBMError as error:
        failure = str(error)
    failures = [found for found in communicator.allgather(failure) if found]
    if failures or result is None:
        raise EngineError(f"LightGBM failed: {failures[0]}")
    return result


def class_weights(plan: Plan, classes: Array, counts: Array) -> Array | None:
    """Weight of each class; None where all are 1."""
    if plan.class_weight is None:
        return None
    if isinstance(plan.class_weight, Mapping):
        return np.array([plan.class_weight.get(label, 1.0) for label in classes.tolist()], dtype=np.float64)
    return np.asarray(counts.sum() / (len(counts) * counts), dtype=np.float64)


def weighted(codes: Array, weights: Array | None, of_class: Array | None) -> Array | None:
    """Weights of rows, those of their classes included."""
    if of_class is None:
        return weights
    return of_class[codes] if weights is None else weights * of_class[codes]


def held_out(codes: Array | None, n_rows: int, plan: Plan, rank: int = 0) -> Array:
    """Which of a shard's rows are validated on: a share of them, drawn by the seed, as much of each class."""
    held = np.zeros(n_rows, dtype=bool)
    if plan.validation_fraction is not None:
        order = np.random.RandomState((plan.seed + rank) % 2**32).permutation(n_rows)
        if codes is not None:
            order = order[np.argsort(codes[order], kind="stable")]
        # of the rows in the order of their classes, each at which the share passes a whole number
        share = np.ceil(plan.validation_fraction * np.arange(n_rows + 1) - 1e-9)
        held[order[np.diff(share) > 0]] = True
    return held


def _train(rows: Rows, held: Array, classes: Array | None, communicator: Communicator, plan: Plan) -> Boosted:
    iterations: list[int] = []
    callbacks: list[Callable[[Any], None]] = [lambda env: iterations.append(env.model.current_iteration())]
    validating = plan.validation_fraction is not None
    if communicator.size > 1 and validating:
        callbacks.append(agreed_losses(rows[held].total(), communicator))
    if validating:
        callbacks.append(lgb.early_stopping(plan.n_iter_no_change, verbose=False))
    reference = _bins(rows if not validating else rows[~held], communicator, plan)
    with network(communicator) as shared:
        parameters = {**plan.parameters, **_objective(classes), **shared}
        data = _dataset(rows[~held] if validating else rows, parameters, plan, reference)
        valid = [_dataset(rows[held], parameters, plan, data)] if validating else []
        booster = lgb.train(
            parameters, data, plan.rounds, valid, callbacks=callbacks, keep_training_booster=True
        )
    best = booster.best_iteration if validating else None
    return Boosted(classes, booster.model_to_string(num_iteration=-1), tuple(iterations), best)


def _objective(classes: Array | None) -> dict[str, Any]:
    if classes is None:
        return {}
    if len(classes) == 2:
        return {"objective": "binary"}
    return {"objective": "multiclass", "num_class": len(classes)}


def _dataset(rows: Rows, parameters: Mapping[str, Any], plan: Plan, reference: Any = None) -> lgb.Dataset:
    return lgb.Dataset(
        rows.X,
        rows.y,
        reference=reference,
        weight=rows.weights,
        params=dict(parameters),
        categorical_feature=list(plan.categorical),
    )


def _bins(rows: Rows, communicator: Communicator, plan: Plan) -> lgb.Dataset | None:
    """A dataset that has the bins of all members' rows.

    LightGBM's network would find those of a feature from the rows of a single member, which are not like
    the others' where the table is sorted.
    """
    if communicator.size == 1:
        return None
    share = len(rows.y) / sum(communicator.allgather(len(rows.y)))
    wanted = min(len(rows.y), round(BIN_ROWS * share))
    random = np.random.RandomState((plan.seed + communicator.rank) % 2**32)
    sample = rows.X[np.sort(random.permutation(len(rows.y))[:wanted])]
    joint = np.concatenate(communicator.allgather(sample))
    return _dataset(Rows(joint, np.zeros(len(joint))), plan.parameters, plan).construct()


def agreed_losses(weight: float, communicator: Communicator) -> Callable[[Any], None]:
    """Callback that puts the mean losses over all members' rows in the place of one member's own."""

    def agree(env: Any) -> None:
        found = env.evaluation_result_list
        everyone = communicator.allgather((weight, [entry[2] for entry in found]))
        weights = [part for part, _ in everyone]
        for i, (data, metric, _, higher_is_better) in enumerate(found):
            loss = float(np.average([losses[i] for _, losses in everyone], weights=weights))
            found[i] = lgb.EvalResult(data, metric, loss, higher_is_better)

    return agree
