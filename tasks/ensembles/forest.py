"""Random forests of scikit-learn's trees, grown by the workers of any engine."""

from pathlib import Path
from typing import Any, ClassVar

from numpy.typing import ArrayLike
from sklearn import ensemble
from sklearn.utils.validation import check_is_fitted

from infra.engines import Engine
from tasks.ensembles.grown_forest import GrownForest


class RandomForestClassifier(GrownForest, ensemble.RandomForestClassifier):
    """Random forest of scikit-learn's classification trees, grown by the workers of an engine.

    Each worker grows slices of the forest with the seeds that scikit-learn itself would draw: with the same
    `random_state` it is scikit-learn's forest, tree by tree, on every engine with any number of workers.

    Parameters
    ----------
    n_estimators : int, default=100
    criterion : {"gini", "entropy", "log_loss"}, default="gini"
    max_depth : int or None, default=None
    min_samples_split : int or float, default=2
    min_samples_leaf : int or float, default=1
    min_weight_fraction_leaf : float, default=0.0
    max_features : {"sqrt", "log2"}, int, float or None, default="sqrt"
    max_leaf_nodes : int or None, default=None
    min_impurity_decrease : float, default=0.0
    bootstrap : bool, default=True
    random_state : int, RandomState instance or None, default=None
    class_weight : {"balanced", "balanced_subsample"}, dict, list of dicts or None, default=None
    ccp_alpha : float, default=0.0
    max_samples : int, float or None, default=None
    monotonic_cst : array-like of shape (n_features,) or None, default=None
        These all as in scikit-learn's class of the same name.
    engine : Engine, optional
        From `infra.engines.connect`; default: this process. Threads are the workers of the engine "local".

    Attributes
    ----------
    classes_, n_classes_, n_outputs_, n_features_in_, estimator_, estimators_, estimators_samples_
        As scikit-learn's.
    feature_importances_ : ndarray of shape (n_features,), float64
        Mean decrease of impurity, summing to 1.
    implementation_ : str
        Whose trees these are, and how many workers grew them.

    Notes
    -----
    A table at a path is read as a whole by each worker, as a float32 matrix of at most half of the worker's
    memory (`growing.TABLE_SHARE`). A larger one needs the engine "spark", where Spark MLlib grows the forest
    from the rows wherever they are: another algorithm (features in 32 bins, at most 30 levels, other seeds,
    no missing values), whose trees are then turned into scikit-learn's. `implementation_` tells which of the
    two it was.

    References
    ----------
    Breiman, "Random forests" (2001).
    """

    library: ClassVar[Any] = ensemble.RandomForestClassifier
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ensemble.RandomForestClassifier._parameter_constraints,
        "engine": [Engine, None],
    }

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: str = "gini",
        max_depth: int | None = None,
        min_samples_split: int | float = 2,
        min_samples_leaf: int | float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: str | int | float | None = "sqrt",
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        bootstrap: bool = True,
        random_state: Any = None,
        class_weight: Any = None,
        ccp_alpha: float = 0.0,
        max_samples: int | float | None = None,
        monotonic_cst: ArrayLike | None = None,
        engine: Engine | None = None,
    ) -> None:
        super().__init__(
            n_estimators,
            criterion=criterion,
            max_depth=max_depth,
            min_samples_split=min_samples_split,
            min_samples_leaf=min_samples_leaf,
            min_weight_fraction_leaf=min_weight_fraction_leaf,
            max_features=max_features,
            max_leaf_nodes=max_leaf_nodes,
            min_impurity_decrease=min_impurity_decrease,
            bootstrap=bootstrap,
            random_state=random_state,
            class_weight=class_weight,
            ccp_alpha=ccp_alpha,
            max_samples=max_samples,
            monotonic_cst=monotonic_cst,
        )
        self.engine = engine

    def predict_proba(self, X: Any) -> Any:
        """Mean over the trees of each class's share; float64, shape (n_samples, n_classes).

        `X` is an array or a path to Parquet; `predict` and `predict_log_proba` take the same.
        """
        if isinstance(X, str | Path):
            return self._predicted(X, "predict_proba")
        check_is_fitted(self)
        return self._mean(X, "predict_proba") if self.n_outputs_ == 1 else super().predict_proba(X)


class RandomForestRegressor(GrownForest, ensemble.RandomForestRegressor):
    """Random forest of scikit-learn's regression trees, grown by the workers of an engine.

    With the same `random_state` it is scikit-learn's forest, tree by tree, on every engine.

    Parameters
    ----------
    n_estimators : int, default=100
    criterion : {"squared_error", "absolute_error", "poisson"}, default="squared_error"
    max_depth : int or None, default=None
    min_samples_split : int or float, default=2
    min_samples_leaf : int or float, default=1
    min_weight_fraction_leaf : float, default=0.0
    max_features : {"sqrt", "log2"}, int, float or None, default=1.0
    max_leaf_nodes : int or None, default=None
    min_impurity_decrease : float, default=0.0
    bootstrap : bool, default=True
    random_state : int, RandomState instance or None, default=None
    ccp_alpha : float, default=0.0
    max_samples : int, float or None, default=None
    monotonic_cst : array-like of shape (n_features,) or None, default=None
        These all as in scikit-learn's class of the same name.
    engine : Engine, optional
        From `infra.engines.connect`; default: this process. Threads are the workers of the engine "local".

    Attributes
    ----------
    n_outputs_, n_features_in_, estimator_, estimators_, estimators_samples_
        As scikit-learn's.
    feature_importances_ : ndarray of shape (n_features,), float64
        Mean decrease of impurity, summing to 1.
    implementation_ : str
        Whose trees these are, and how many workers grew them.

    Notes
    -----
    What is said of tables in `RandomForestClassifier` holds here as well.

    References
    ----------
    Breiman, "Random forests" (2001).
    """

    library: ClassVar[Any] = ensemble.RandomForestRegressor
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **ensemble.RandomForestRegressor._parameter_constraints,
        "engine": [Engine, None],
    }

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: str = "squared_error",
        max_depth: int | None = None,
        min_samples_split: int | float = 2,
        min_samples_leaf: int | float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: str | int | float | None = 1.0,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        bootstrap: bool = True,
        random_state: Any = None,
        ccp_alpha: float = 0.0,
        max_samples: int | float | None = None,
        monotonic_cst: ArrayLike | None = None,
        engine: Engine | None = None,
    ) -> None:
        super().__init__(
            n_estimators,
            criterion=criterion,
            max_depth=max_depth,
            min_samples_split=min_samples_split,
            min_samples_leaf=min_samples_leaf,
            min_weight_fraction_leaf=min_weight_fraction_leaf,
            max_features=max_features,
            max_leaf_nodes=max_leaf_nodes,
            min_impurity_decrease=min_impurity_decrease,
            bootstrap=bootstrap,
            random_state=random_state,
            ccp_alpha=ccp_alpha,
            max_samples=max_samples,
            monotonic_cst=monotonic_cst,
        )
        self.engine = engine

    def predict(self, X: Any) -> Any:
        """Mean of the trees' values; float64, shape (n_samples,) or (n_samples, n_outputs).

        `X` is an array or a path to Parquet.
        """
        if isinstance(X, str | Path):
            return self._predicted(X, "predict")
        check_is_fitted(self)
        return self._mean(X, "predict") if self.n_outputs_ == 1 else super().predict(X)
