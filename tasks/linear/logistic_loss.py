"""The logistic loss of blocks of rows with its gradient, and its minimum over the rows of all members of a group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from infra.engines.blocks import Block, Span
from infra.engines.collective import Communicator
from infra.engines.tree import finish, fold, leaves
from infra.errors import DataError, ParameterError
from tasks.labels import agreed_classes, check_classes

Array = NDArray[Any]
F_TOLERANCE = 64 * np.finfo(np.float64).eps
"""Smallest relative decrease of the loss with which the search goes on, as in scikit-learn."""
LINE_SEARCH_STEPS = 50


@dataclass(frozen=True)
class LogisticPlan:
    """Parameters that all members of a fit have."""

    spans: tuple[Span, ...]
    """Blocks of each member."""
    C: float
    tol: float
    max_iter: int
    fit_intercept: bool


class LogisticModel(NamedTuple):
    """A fitted model."""

    classes: Array
    coef: Array
    """float64, shape (n_outputs, n_features): one output for two classes, else one for each class."""
    intercept: Array
    """float64, shape (n_outputs,)."""
    n_iter: int
    has_converged: bool


class LossSums(NamedTuple):
    """Sums over rows."""

    weight: float
    loss: float
    coef: Array
    """Gradient by the coefficients, shape (n_outputs, n_features)."""
    intercept: Array
    """Gradient by the intercepts, shape (n_outputs,)."""

    def plus(self, other: "LossSums") -> "LossSums":
        """Add the sums over other rows."""
        return LossSums(
            self.weight + other.weight,
            self.loss + other.loss,
            self.coef + other.coef,
            self.intercept + other.intercept,
        )


def loss_of_block(X: Array, codes: Array, weights: Array | None, coef: Array, intercept: Array) -> LossSums:
    """Sum the loss of the rows of one block, and its gradient.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features), float32 or float64
        Features.
    codes : ndarray of shape (n_rows,), int
        Indices of the rows' classes.
    weights : ndarray of shape (n_rows,), or None
        Weights of the rows; None: every row weighs 1.
    coef : ndarray of shape (n_outputs, n_features), float64
        Coefficients.
    intercept : ndarray of shape (n_outputs,), float64
        Intercepts.

    Returns
    -------
    LossSums
    """
    X = X.astype(np.float64, copy=False)
    raw = X @ coef.T + intercept
    if len(coef) == 1:
        with np.errstate(invalid="ignore"):  # a missing value is told from the sum
            loss = np.logaddexp(0.0, raw[:, 0]) - codes * raw[:, 0]
        residuals = expit(raw) - codes[:, None]
    else:
        own = np.arange(len(codes)), codes
        log_shares = log_softmax(raw, axis=1)
        loss = -log_shares[own]
        residuals = np.exp(log_shares)
        residuals[own] -= 1.0
    total = float(len(X))
    if weights is not None:
        total, loss, residuals = float(weights.sum()), loss * weights, residuals * weights[:, None]
    return LossSums(total, float(loss.sum()), residuals.T @ X, residuals.sum(axis=0))


def fit_member(span: Sequence[Block], communicator: Communicator, plan: LogisticPlan) -> Any:
    """Fit as a member of a group: the first member searches the minimum, and all members sum the loss.

    Parameters
    ----------
    span : sequence of tuple of ndarray
        Blocks of this member, each `(X, y)` or `(X, y, weights)`.
    communicator : Communicator
        This member of the group.
    plan : LogisticPlan
        Parameters of the fit.

    Returns
    -------
    LogisticModel, ParameterError or None
        The model of the first member, None of the others; an error that the user can mend is returned, because Spark
        would replace it by an `EngineError`.
    """
    classes, codes, _ = agreed_classes((block[1] for block in span), communicator)
    try:
        check_classes(classes, None)
    except ParameterError as error:
        return error
    rows = _MemberRows(span, codes, communicator, plan.spans[communicator.rank].start)
    if communicator.rank > 0:
        while rows.total(None) is not None:
            pass
        return None
    try:
        return _minimum(rows, classes, plan)
    finally:
        rows.end()


@dataclass
class _MemberRows:
    """Rows of one member, whose loss is summed together with that of all others, along the fixed tree."""

    span: Sequence[Block]
    codes: Array
    communicator: Communicator
    start: int

    def total(self, at: tuple[Array, Array] | None) -> LossSums | None:
        """Sum the loss of all rows at the coefficients of the first member; None if the first member is done."""
        where = self.communicator.allgather(at)[0]
        if where is None:
            return None
        nodes = fold(leaves(self._of_blocks(*where), self.start), LossSums.plus)
        everyone = self.communicator.allgather(nodes)
        found: LossSums = finish((node for part in everyone for node in part), LossSums.plus)
        return found

    def _of_blocks(self, coef: Array, intercept: Array) -> Iterator[LossSums]:
        first = 0
        for X, _, *weights in self.span:
            own = self.codes[first : first + len(X)]
            first += len(X)
            yield loss_of_block(X, own, weights[0] if weights else None, coef, intercept)

    def end(self) -> None:
        """Tell the other members that the first one is done."""
        self.communicator.allgather(None)


def _minimum(rows: _MemberRows, classes: Array, plan: LogisticPlan) -> LogisticModel:
    n_outputs = 1 if len(classes) == 2 else len(classes)
    n_features = rows.span[0][0].shape[1]

    def parts(point: Array) -> tuple[Array, Array]:
        matrix = point.reshape(n_outputs, -1)
        none = np.zeros(n_outputs)
        return matrix[:, :n_features], matrix[:, n_features] if plan.fit_intercept else none

    def loss_and_gradient(point: Array) -> tuple[float, Array]:
        coef, intercept = parts(point)
        sums = rows.total((coef, intercept))
        if sums is None or not np.isfinite(sums.loss):
            raise DataError("X: a missing or infinite value; a linear model needs finite numbers")
        penalty = 1.0 / (plan.C * sums.weight)
        by_coef = sums.coef / sums.weight + penalty * coef
        columns = [by_coef, sums.intercept[:, None] / sums.weight] if plan.fit_intercept else [by_coef]
        return sums.loss / sums.weight + penalty / 2 * float((coef**2).sum()), np.hstack(columns).ravel()

    found = minimize(
        loss_and_gradient,
        np.zeros(n_outputs * (n_features + int(plan.fit_intercept))),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": plan.max_iter, "maxls": LINE_SEARCH_STEPS, "gtol": plan.tol, "ftol": F_TOLERANCE,
        },
    )  # fmt: skip
    coef, intercept = parts(found.x)
    return LogisticModel(classes, coef.copy(), intercept.copy(), int(found.nit), found.status != 1)
