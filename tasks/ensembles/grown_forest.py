"""What the random forests share: how they are grown on an engine, cut short, and asked about tables."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy, deepcopy
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn import ensemble
from sklearn.base import _fit_context, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from infra.engines import Engine, ParquetSource
from infra.engines.local import LocalEngine
from infra.errors import DataError, ParameterError
from tasks.ensembles import growing
from tasks.ensembles.growing import SEEDS, Growth, grow, matrix_bytes
from tasks.sharing import SharedFit

Array = NDArray[Any]


class Totals:
    """Sums of trees' answers; of a forest that begins with the trees asked last, only the rest is asked."""

    def __init__(self) -> None:
        self._last: tuple[str, Any, int, Array] | None = None

    def of(self, trees: Sequence[Any], X: Any, answer: str) -> Array:
        """Sum of the trees' answers about the rows `X`, in their order."""
        count, known = self._known(trees, X, answer)
        total = summed(trees[count:], X, answer, known)
        self._last = (answer, X.copy(), len(trees), total)
        return total

    def _known(self, trees: Sequence[Any], X: Any, answer: str) -> tuple[int, Array | None]:
        if self._last is None or issparse(X) or issparse(self._last[1]):
            return 0, None
        asked, rows, count, total = self._last
        same = asked == answer and count <= len(trees) and np.array_equal(rows, X, equal_nan=True)
        return (count, total.copy()) if same else (0, None)

    def __reduce__(self) -> tuple[type["Totals"], tuple[()]]:
        return Totals, ()  # what was asked does not travel


def summed(trees: Sequence[Any], X: Any, answer: str, total: Array | None = None) -> Array:
    """Sum of the trees' answers about the rows `X`, in their order, added to `total`."""
    for tree in trees:
        found = getattr(tree, answer)(X, check_input=False)
        total = found if total is None else np.add(total, found, out=total)
    assert total is not None  # noqa: S101 (a forest has a tree)
    return total


class GrownForest(SharedFit, ensemble.BaseEnsemble):
    """A forest of scikit-learn, the slices of which grow on an engine; mixed in before scikit-learn's class."""

    shared_parameters: ClassVar[tuple[str, ...]] = ("n_estimators",)
    library: ClassVar[Any]
    """Scikit-learn's class of the same name."""

    engine: Engine | None
    _totals: "Totals | None" = None
    """What forests cut from the same one share when they are asked about the same rows."""

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Grow the trees.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features), or path to Parquet
            NaN is a missing value. A path is read by each worker as a whole.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), or str
            Target values; with a path, the name of the column that holds them.
        sample_weight : array-like of shape (n_samples,), optional
            Not with a path.

        Raises
        ------
        ParameterError
            If `y` does not fit the kind of `X`, or a table at a path is larger than a worker may hold and the
            engine is not Spark, or Spark's own forest does not know a parameter.
        DataError
            If there is no Parquet at a path, or it is no table of numbers; Spark reports what a worker finds
            as an `EngineError`.
        """
        rows: Any
        if isinstance(X, str | Path):
            rows, weights = self._table(X, y, sample_weight), None
        else:
            rows, weights = self._arrays(X, y, sample_weight)
        with self._connected() as engine:
            grown = grow(engine, self._growth(rows, weights), self.n_estimators)
            if grown is None:
                return self._grow_beyond_memory(rows, engine)
        trees = [tree for part in grown for tree in part.estimators_]
        workers = min(engine.workers, len(grown))
        self._keep(grown[0], trees, f"scikit-learn's trees, grown by {workers} worker{'s' * (workers > 1)}")
        return self

    def _arrays(self, X: Any, y: Any, sample_weight: Any) -> tuple[tuple[Array, Array], Array | None]:
        checks = {"accept_sparse": "csc", "multi_output": True, "ensure_all_finite": False}
        X, y = validate_data(self, X, y, dtype=np.float32, **checks)
        return (X, y), None if sample_weight is None else _check_sample_weight(sample_weight, X)

    def _table(self, path: str | Path, target: Any, sample_weight: Any) -> ParquetSource:
        if not isinstance(target, str):
            raise ParameterError(f"y: of type {type(target).__name__}; with a path, the name of a column")
        if sample_weight is not None:
            raise ParameterError("sample_weight: allowed with an array, not with a path")
        source = ParquetSource(path, dtype=np.float32, target=target, missing=True)
        if not source.n_rows or not source.columns:
            raise DataError(f"{path}: at least one row and one column beside {target!r} are needed")
        source.block_rows = source.n_rows
        self.n_features_in_ = source.n_columns
        self.feature_names_in_ = np.asarray(source.columns, dtype=object)
        return source

    def _growth(self, rows: Any, weights: Array | None) -> Growth:
        parameters = {name: value for name, value in self.get_params(deep=False).items() if name != "engine"}
        seeds = check_random_state(self.random_state)
        growth = Growth(
            self.library(**{**parameters, "random_state": None}),
            deepcopy(seeds),
            rows,
            weights,
            growing.TABLE_SHARE,
        )
        seeds.randint(SEEDS, size=self.n_estimators)  # a generator of the caller's moves on, as in a fit here
        return growth

    def _grow_beyond_memory(self, source: ParquetSource, engine: Engine) -> Self:
        if engine.name != "spark":
            raise ParameterError(
                f"X={source.path}: a matrix of {matrix_bytes(source) / 2**20:,.0f} MiB, larger than "
                f"{growing.TABLE_SHARE:.0%} of a worker's memory; allowed with the engine 'spark', whose own "
                "forest needs no worker to hold all rows"
            )
        from tasks.ensembles.mllib_forest import grow_by_mllib

        forest = grow_by_mllib(self, source, engine.session)  # type: ignore[attr-defined]
        self._keep(forest, forest.estimators_, "Spark MLlib's random forest")
        return self

    def _keep(self, fitted: Any, trees: list[Any], implementation: str) -> None:
        """Take over what scikit-learn's `fit` leaves on a forest."""
        found = {
            name: value for name, value in vars(fitted).items() if name.endswith("_") or name.startswith("_")
        }
        self.__dict__ |= {**found, "estimators_": trees, "implementation_": implementation}

    def _common_fit(self, models: Sequence[Self], X: Any, y: Any) -> Callable[[Self], Self]:
        """One forest with the most trees: the first of them are every smaller one."""
        most = max(model.n_estimators for model in models)
        largest: Self = clone(self).set_params(n_estimators=most).fit(X, y)
        if not largest._has_prefixes:
            return lambda model: model.fit(X, y)
        largest._totals = Totals()
        return lambda model: largest.truncated(model.n_estimators)

    def truncated(self, n_estimators: int) -> Self:
        """This forest with its first `n_estimators` trees only: what a fit with so many would be.

        Raises
        ------
        ParameterError
            If there are fewer trees, or they are Spark MLlib's, whose seeds depend on their number.
        """
        check_is_fitted(self)
        smaller = copy(self)
        smaller.n_estimators = n_estimators
        smaller._validate_params()
        if n_estimators > len(self.estimators_):
            raise ParameterError(
                f"n_estimators={n_estimators}: at most the {len(self.estimators_)} trees of the fit"
            )
        if not self._has_prefixes:
            raise ParameterError(
                f"n_estimators={n_estimators}: the first trees of {self.implementation_} are no smaller "
                "forest; only a fit makes one"
            )
        smaller.estimators_ = self.estimators_[:n_estimators]
        return smaller

    def _mean(self, X: Any, answer: str) -> Array:
        """Mean of the trees' answers, added in scikit-learn's order.

        Scikit-learn makes each tree a job of joblib, which for a small table takes longer than the tree.
        """
        X = self._validate_X_predict(X)
        total = (self._totals.of if self._totals else summed)(self.estimators_, X, answer)
        return np.asarray(total / len(self.estimators_))

    @property
    def _has_prefixes(self) -> bool:
        return str(self.implementation_).startswith("scikit-learn")

    def _predicted(self, path: str | Path, method: str) -> Array:
        """What `method` returns for all rows of a table, block by block where the engine runs."""
        check_is_fitted(self)
        names = getattr(self, "feature_names_in_", None)
        source = ParquetSource(path, names, dtype=np.float32, missing=True)
        if source.n_columns != self.n_features_in_:
            raise ParameterError(f"{path}: {source.n_columns} columns; the model has {self.n_features_in_}")
        nameless = copy(self)  # blocks are arrays, whose columns have no names
        nameless.engine = None
        nameless.__dict__.pop("feature_names_in_", None)
        parts: dict[int, Any] = {}
        with self._connected() as engine:
            shared = (nameless, source, method)
            for i, part in engine.run(_predicted_block, range(source.n_blocks), shared):
                if isinstance(part, Exception):
                    raise part
                parts[i] = part
        return np.concatenate([parts[i] for i in range(len(parts))])

    def _connected(self) -> AbstractContextManager[Engine]:
        return nullcontext(self.engine) if self.engine else LocalEngine(1)


def _predicted_block(number: int, shared: tuple[Any, ParquetSource, str]) -> Array:
    model, source, method = shared
    return np.asarray(getattr(model, method)(source.block(number)[0]))
